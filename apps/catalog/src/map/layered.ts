import { edgesOf, type EdgeKind, type Entry } from '@strata/map';
import { firstWhere } from '../search/bisect.js';
import type { CatalogMap, MapEdge, MapNode, Nodes } from './map.js';

const NONE: readonly never[] = [];

function grouped(edges: readonly MapEdge[], end: 'from' | 'to'): Map<string, MapEdge[]> {
  const found = new Map<string, MapEdge[]>();
  for (const e of edges) {
    const list = found.get(e[end]);
    if (list) list.push(e);
    else found.set(e[end], [e]);
  }
  return found;
}

/** The same entry with more edges. */
const withEdges = (n: MapNode, more: readonly MapEdge[]): MapNode => ({
  ...plainNode(n),
  edges: [...n.edges, ...more],
});

/** An entry as an object of its own, which can be copied and sent. */
export const plainNode = (n: MapNode): MapNode => ({
  slug: n.slug,
  kind: n.kind,
  name: n.name,
  aliases: n.aliases,
  summary: n.summary,
  body: n.body,
  tags: n.tags,
  references: n.references,
  runnable: n.runnable,
  facets: n.facets,
  method: n.method,
  figure: n.figure,
  citation: n.citation,
  edges: n.edges,
  recipes: n.recipes,
  private: n.private,
});

/** Index of the first entry whose slug is not before this one. */
const placeOf = (nodes: Nodes, slug: string): number =>
  firstWhere(nodes.length, (i) => (nodes.at(i)?.slug ?? '') >= slug);

/**
 * A map with a tenant's own entries over it. What it holds is in memory once, under all tenants.
 * An own entry stands in the place of one that has its slug.
 */
export function layered(base: CatalogMap, own: readonly Entry[]): CatalogMap {
  const edges = own.flatMap(edgesOf);
  const outgoing = grouped(edges, 'from');
  const incoming = grouped(edges, 'to');
  const over = new Map<string, MapNode>();
  for (const entry of own)
    over.set(entry.slug, { ...entry, edges: outgoing.get(entry.slug) ?? NONE, recipes: NONE, private: true });
  for (const [slug, more] of outgoing) {
    const below = over.has(slug) ? undefined : base.nodes.get(slug);
    if (below) over.set(slug, withEdges(below, more));
  }

  const added = [...over.values()]
    .filter((n) => !base.nodes.has(n.slug))
    .sort((a, b) => (a.slug < b.slug ? -1 : 1))
    .map((node, before) => ({ node, place: placeOf(base.nodes, node.slug) + before }));
  const length = base.nodes.length + added.length;
  const get = (slug: string): MapNode | undefined => over.get(slug) ?? base.nodes.get(slug);
  const at = (index: number): MapNode | undefined => {
    const before = firstWhere(added.length, (i) => added[i]!.place > index);
    const last = added[before - 1];
    if (last?.place === index) return last.node;
    const below = base.nodes.at(index - before);
    // a slug is read only where an entry of the map below may have been replaced
    return below && (over.size > added.length ? (over.get(below.slug) ?? below) : below);
  };

  const edgeCounts = new Map<EdgeKind, number>(base.edgeCounts);
  for (const { kind } of edges) edgeCounts.set(kind, (edgeCounts.get(kind) ?? 0) + 1);
  return {
    nodes: {
      length,
      at,
      get,
      has: (slug) => over.has(slug) || base.nodes.has(slug),
      *[Symbol.iterator]() {
        for (let i = 0; i < length; i++) yield at(i) as MapNode;
      },
    },
    incoming: (slug) => {
      const more = incoming.get(slug);
      return more ? [...base.incoming(slug), ...more] : base.incoming(slug);
    },
    edgeCounts,
    manifests: base.manifests,
  };
}
