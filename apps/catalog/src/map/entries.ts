import type { Entry, EdgeKind } from '@strata/map';
import type { CatalogMap, MapNode } from './map.js';

/** An entry as it was written: edges by their kinds, without those that references and recipes stand for. */
function entryOf({ nodes }: CatalogMap, n: MapNode, kind: Entry['kind']): Entry {
  const { slug, name, aliases, summary, body, tags, references, runnable, facets, method, figure, citation } = n;
  const edges: Partial<Record<EdgeKind, string[]>> = {};
  for (const e of n.edges) {
    if (e.kind === 'runs-as') continue;
    if (e.kind === 'evidence-for' && nodes.get(e.to)?.references.includes(slug)) continue;
    (edges[e.kind] ??= []).push(e.to);
  }
  return {
    slug,
    kind,
    name,
    aliases,
    summary,
    body,
    tags,
    references,
    runnable,
    facets,
    method,
    figure,
    citation,
    edges,
  };
}

/** What a map was made of, in the order of slugs: its entries without its recipes. */
export function* entriesOf(map: CatalogMap): Generator<Entry> {
  for (const n of map.nodes) if (n.kind !== 'recipe') yield entryOf(map, n, n.kind);
}
