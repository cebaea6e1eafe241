import type { MapNode } from './map.js';

export interface FacetCount {
  readonly facet: string;
  readonly value: string;
  readonly count: number;
}
interface Counter {
  readonly facet: string;
  readonly value: string;
  count: number;
}
/** What entries have in common that are counted alike. */
export interface FacetGroup {
  readonly values: readonly (Pick<FacetCount, 'facet' | 'value'> & { readonly key: string })[];
}

const before = (a: FacetCount, b: FacetCount): number =>
  a.facet === b.facet ? (a.value < b.value ? -1 : 1) : a.facet < b.facet ? -1 : 1;

/** The group of one entry, apart from all others. */
export function groupOf({ kind, tags, facets: { openness, region } }: MapNode): FacetGroup {
  const one = (facet: string, value: string | undefined): FacetGroup['values'] =>
    value ? [{ facet, value, key: `${facet} ${value}` }] : [];
  return {
    values: [
      ...one('kind', kind),
      ...tags.flatMap((t) => one('tag', t)),
      ...one('openness', openness),
      ...one('region', region),
    ],
  };
}

/** Numbers for groups, the same for entries that are counted alike: of a thousand entries some hundred. */
export function createGroups(): { number(n: MapNode): number; readonly all: readonly FacetGroup[] } {
  const all: FacetGroup[] = [];
  const numbers = new Map<string, number>();
  return {
    all,
    number(n) {
      const group = groupOf(n);
      const key = JSON.stringify(group);
      const known = numbers.get(key);
      if (known !== undefined) return known;
      numbers.set(key, all.length);
      return all.push(group) - 1;
    },
  };
}

/** How many of these entries belong to each group. */
export function timesOf(found: readonly { readonly group: FacetGroup }[]): Map<FacetGroup, number> {
  const times = new Map<FacetGroup, number>();
  for (const { group } of found) times.set(group, (times.get(group) ?? 0) + 1);
  return times;
}

/** How often each value of each facet occurs among entries, of which each group has so many, the most frequent first. Done for every search, over all that it finds. */
export function facetsOf(groups: Iterable<readonly [FacetGroup, number]>): FacetCount[] {
  const counters = new Map<string, Counter>();
  for (const [group, count] of groups)
    for (const { facet, value, key } of group.values) {
      const counter = counters.get(key);
      if (counter) counter.count += count;
      else counters.set(key, { facet, value, count });
    }
  return [...counters.values()].sort((a, b) => b.count - a.count || before(a, b));
}
