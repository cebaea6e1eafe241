import type { CatalogMap, MapNode } from './map.js';

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

/** Sections right below a layer, in the order of the map. */
const sectionsOf = (map: CatalogMap): MapNode[] => [
  ...new Set(
    map.edges
      .filter((e) => e.kind === 'contains' && map.nodes.get(e.from)?.kind === 'layer')
      .flatMap((e) => map.nodes.get(e.to) ?? []),
  ),
];

/** Sections that an entry lies in: upwards along contains, and along subset-of to what is wider, breadth first. */
function areasOf(map: CatalogMap, node: MapNode, sections: ReadonlySet<MapNode>): MapNode[] {
  const areas: MapNode[] = [];
  const seen = new Set([node.slug]);
  for (const slug of seen) {
    const here = map.nodes.get(slug);
    if (!here) continue;
    if (sections.has(here)) areas.push(here);
    const containers = map.incoming.get(slug)?.filter((e) => e.kind === 'contains') ?? [];
    for (const e of containers) seen.add(e.from);
    for (const e of here.edges) if (e.kind === 'subset-of') seen.add(e.to);
  }
  return areas;
}

/** Runnable entries with and without a recipe, also by area: what the map promises and what of it runs today. */
export function coverageOf(map: CatalogMap): Coverage {
  const sections = sectionsOf(map);
  const known = new Set(sections);
  const wanted = map.sorted.filter((n) => n.runnable).map((node) => ({ node, areas: areasOf(map, node, known) }));
  const runs = ({ node }: Covered): boolean => node.recipes.length > 0;
  const byArea = new Map<MapNode | undefined, { covered: MapNode[]; missing: MapNode[] }>();
  for (const section of [...sections, undefined]) byArea.set(section, { covered: [], missing: [] });
  for (const w of wanted) byArea.get(w.areas[0])?.[runs(w) ? 'covered' : 'missing'].push(w.node);
  const areas = [...byArea].map(([section, entries]): Area => ({ section, ...entries }));
  return {
    covered: wanted.filter(runs),
    missing: wanted.filter((w) => !runs(w)),
    areas: areas.filter((a) => a.covered.length + a.missing.length > 0),
  };
}
