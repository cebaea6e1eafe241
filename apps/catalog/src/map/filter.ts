import { StrataError } from '@strata/kernel';
import { EDGE_KINDS, NODE_KINDS, OPENNESS, REGIONS } from '@strata/map';
import { withEdge, type Where } from './graph.js';
import type { CatalogMap, MapNode } from './map.js';

/** What entries must be; a field that is absent or empty asks for nothing. */
export interface NodeFilter {
  readonly kinds: readonly string[];
  readonly tag: string;
  readonly openness: string;
  readonly region: string;
  readonly runnable?: boolean | undefined;
  readonly hasRecipe?: boolean | undefined;
  readonly where: readonly Where[];
  readonly privateOnly: boolean;
}

export const NO_FILTER: NodeFilter = {
  kinds: [],
  tag: '',
  openness: '',
  region: '',
  where: [],
  privateOnly: false,
};

function oneOf(value: string, known: readonly string[], field: string, what: string): void {
  if (value && !known.includes(value))
    throw new StrataError('invalid_request', `there is no ${what} "${value}"; there are ${known.join(', ')}`, {
      where: { field },
    });
}

/**
 * A test for entries.
 * @throws StrataError `invalid_request` for an unknown kind, edge or facet, `not_found` for an unknown slug in `where`
 */
export function testOf(map: CatalogMap, filter: NodeFilter, known: (slug: string) => MapNode): (n: MapNode) => boolean {
  for (const k of filter.kinds) oneOf(k, NODE_KINDS, 'kind', 'kind of entry');
  oneOf(filter.openness, OPENNESS, 'openness', 'openness');
  oneOf(filter.region, REGIONS, 'region', 'region');
  const sets = filter.where.map((w) => {
    oneOf(w.edge, EDGE_KINDS, 'where', 'kind of edge');
    return withEdge(map, { ...w, slug: known(w.slug).slug });
  });
  return (n) =>
    (!filter.kinds.length || filter.kinds.includes(n.kind)) &&
    (!filter.tag || n.tags.includes(filter.tag)) &&
    (!filter.openness || n.facets.openness === filter.openness) &&
    (!filter.region || n.facets.region === filter.region) &&
    (filter.runnable === undefined || n.runnable === filter.runnable) &&
    (filter.hasRecipe === undefined || n.recipes.length > 0 === filter.hasRecipe) &&
    (!filter.privateOnly || n.private) &&
    sets.every((s) => s.has(n.slug));
}
