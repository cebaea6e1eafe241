import { nodesOf, nodesWhere, type CatalogMap, type MapNode } from './map.js';

export interface Covered {
  readonly node: MapNode;
  /** Sections of the layer that it lies in, the nearest first. */
  readonly areas: readonly MapNode[];
}
export interface Area {
  /** Absent for entries of no area. */
  readonly section: MapNode | undefined;
  readonly covered: readonly MapNode[];
  readonly missing: readonly MapNode[];
}
export interface Coverage {
  readonly covered: readonly Covered[];
  readonly missing: readonly Covered[];
  readonly areas: readonly Area[];
}

/** Sections right below a layer, in its order. */
function sectionsOf(map: CatalogMap): MapNode[] {
  const edges = nodesOf(map, 'layer').flatMap((n) => n.edges);
  const slugs = new Set(edges.filter((e) => e.kind === 'contains').map((e) => e.to));
  return [...slugs].flatMap((slug) => map.nodes.get(slug) ?? []);
}

/** Sections that an entry lies in: upwards along contains, and along subset-of to what is wider, breadth first. */
function areasOf(map: CatalogMap, node: MapNode, sections: ReadonlySet<string>): MapNode[] {
  const areas: MapNode[] = [];
  const seen = new Set([node.slug]);
  for (const slug of seen) {
    const here = map.nodes.get(slug);
    if (!here) continue;
    if (sections.has(slug)) areas.push(here);
    const containers = map.incoming(slug).filter((e) => e.kind === 'contains');
    for (const e of containers) seen.add(e.from);
    for (const e of here.edges) if (e.kind === 'subset-of') seen.add(e.to);
  }
  return areas;
}

/** Runnable entries with and without a recipe, also by area: what the map promises and what of it runs today. */
export function coverageOf(map: CatalogMap): Coverage {
  const sections = sectionsOf(map);
  const known = new Set(sections.map((s) => s.slug));
  const wanted = nodesWhere(map, (n) => n.runnable).map((node) => ({ node, areas: areasOf(map, node, known) }));
  const runs = ({ node }: Covered): boolean => node.recipes.length > 0;
  const areas = [...sections, undefined].map((section) => ({
    section,
    covered: new Array<MapNode>(),
    missing: new Array<MapNode>(),
  }));
  const byArea = new Map(areas.map((a) => [a.section?.slug, a]));
  for (const w of wanted) byArea.get(w.areas[0]?.slug)?.[runs(w) ? 'covered' : 'missing'].push(w.node);
  return {
    covered: wanted.filter(runs),
    missing: wanted.filter((w) => !runs(w)),
    areas: areas.filter((a) => a.covered.length + a.missing.length > 0),
  };
}
