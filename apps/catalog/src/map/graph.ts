import { SYMMETRIC, type EdgeKind } from '@strata/map';
import type { CatalogMap, MapEdge, MapNode } from './map.js';

const NARROWER: readonly EdgeKind[] = ['contains', 'subset-of'];

/** Edges of a node in both directions. */
export const edgesAt = (map: CatalogMap, slug: string): MapEdge[] => [
  ...(map.nodes.get(slug)?.edges ?? []),
  ...map.incoming(slug),
];

/** An entry and all that is part of it or a special case of it. */
export function below(map: CatalogMap, slug: string): Set<string> {
  const found = new Set([slug]);
  for (const at of found)
    for (const e of edgesAt(map, at)) {
      if (!NARROWER.includes(e.kind)) continue;
      const narrower = e.kind === 'contains' ? e.to : e.from;
      if ((e.kind === 'contains') === (e.from === at)) found.add(narrower);
    }
  return found;
}

export interface Where {
  readonly edge: string;
  readonly slug: string;
  readonly incoming: boolean;
}

/** Entries with such an edge to (or from) `slug` or anything below it; symmetric edges count both ways. */
export function withEdge(map: CatalogMap, { edge, slug, incoming }: Where): Set<string> {
  const found = new Set<string>();
  for (const at of below(map, slug))
    for (const e of edgesAt(map, at)) {
      if (e.kind !== edge) continue;
      const other = e.from === at ? e.to : e.from;
      const arrives = e.to === at;
      if (SYMMETRIC.includes(e.kind) || arrives !== incoming) found.add(other);
    }
  return found;
}

/** How far apart an edge leaves its ends: what says much is short. Sources and sections join everything with everything. */
const LENGTH: Partial<Record<EdgeKind, number>> = { 'evidence-for': 4, excludes: 3, 'alternative-to': 1.5 };
const DETOUR: Partial<Record<MapNode['kind'], number>> = { layer: 6, section: 4, source: 4, figure: 2 };

export interface Way {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
}

/** A binary heap of slugs by distance. */
function createHeap(): { push: (distance: number, slug: string) => void; pop: () => [number, string] | undefined } {
  const items: [number, string][] = [];
  const less = (i: number, j: number): boolean => (items[i]?.[0] ?? 0) < (items[j]?.[0] ?? 0);
  const swap = (i: number, j: number): void => {
    const x = items[i] as [number, string];
    items[i] = items[j] as [number, string];
    items[j] = x;
  };
  return {
    push(distance, slug) {
      items.push([distance, slug]);
      for (let i = items.length - 1; i > 0 && less(i, (i - 1) >> 1); i = (i - 1) >> 1) swap(i, (i - 1) >> 1);
    },
    pop() {
      const first = items[0];
      const last = items.pop();
      if (items.length && last) {
        items[0] = last;
        for (let i = 0; ;) {
          const [l, r] = [2 * i + 1, 2 * i + 2];
          const child = r < items.length && less(r, l) ? r : l;
          if (child >= items.length || !less(child, i)) break;
          swap(i, child);
          i = child;
        }
      }
      return first;
    },
  };
}

/** A shortest way by the lengths of edges (Dijkstra 1959), of at most `most` edges; undefined when there is none. */
export function wayBetween(
  map: CatalogMap,
  from: string,
  to: string,
  { most, kinds }: { readonly most: number; readonly kinds: readonly string[] },
): Way | undefined {
  const best = new Map<string, { distance: number; hops: number; by?: MapEdge }>([[from, { distance: 0, hops: 0 }]]);
  const heap = createHeap();
  heap.push(0, from);
  for (let next = heap.pop(); next; next = heap.pop()) {
    const [distance, slug] = next;
    const here = best.get(slug);
    if (!here || distance > here.distance) continue;
    if (slug === to) break;
    if (here.hops === most) continue;
    for (const edge of edgesAt(map, slug)) {
      if (kinds.length && !kinds.includes(edge.kind)) continue;
      const other = edge.from === slug ? edge.to : edge.from;
      const node = map.nodes.get(other);
      if (!node) continue;
      const detour = other === to ? 0 : (DETOUR[node.kind] ?? 0);
      const far = distance + (LENGTH[edge.kind] ?? 1) + detour;
      if (far < (best.get(other)?.distance ?? Infinity)) {
        best.set(other, { distance: far, hops: here.hops + 1, by: edge });
        heap.push(far, other);
      }
    }
  }
  if (!best.has(to)) return undefined;
  const nodes: MapNode[] = [];
  const edges: MapEdge[] = [];
  for (let at = to; ;) {
    nodes.unshift(map.nodes.get(at) as MapNode);
    const by = best.get(at)?.by;
    if (!by) break;
    edges.unshift(by);
    at = by.from === at ? by.to : by.from;
  }
  return { nodes, edges };
}

export interface Around {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
  readonly truncated: boolean;
}

/** What lies within `depth` edges of the given entries, nearest first, at most `limit` entries, with all edges between them. */
export function around(
  map: CatalogMap,
  slugs: readonly string[],
  { depth, kinds, limit }: { readonly depth: number; readonly kinds: readonly string[]; readonly limit: number },
): Around {
  const wanted = (e: MapEdge): boolean => !kinds.length || kinds.includes(e.kind);
  const found = new Set(slugs.slice(0, limit));
  let truncated = found.size < new Set(slugs).size;
  let frontier = [...found];
  for (let d = 0; d < depth && frontier.length; d++) {
    const next: string[] = [];
    for (const at of frontier)
      for (const e of edgesAt(map, at)) {
        if (!wanted(e)) continue;
        const other = e.from === at ? e.to : e.from;
        if (found.has(other) || !map.nodes.has(other)) continue;
        if (found.size >= limit) truncated = true;
        else {
          found.add(other);
          next.push(other);
        }
      }
    frontier = next;
  }
  const nodes = [...found].map((s) => map.nodes.get(s) as MapNode);
  const edges = nodes.flatMap((n) => n.edges.filter((e) => wanted(e) && found.has(e.to)));
  return { nodes, edges, truncated };
}
