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

const before = (a: FacetCount, b: FacetCount): number =>
  a.facet === b.facet ? (a.value < b.value ? -1 : 1) : a.facet < b.facet ? -1 : 1;

/** How often each value of each facet occurs among these entries, the most frequent first. Done for every search, over all that it finds. */
export function facetsOf(found: readonly { readonly node: MapNode }[]): FacetCount[] {
  const counters: Counter[] = [];
  const counting = (facet: string): ((value: string) => void) => {
    const values = new Map<string, Counter>();
    return (value) => {
      const counter = values.get(value);
      if (counter) {
        counter.count++;
        return;
      }
      const first = { facet, value, count: 1 };
      values.set(value, first);
      counters.push(first);
    };
  };
  const [kind, tag, openness, region] = [counting('kind'), counting('tag'), counting('openness'), counting('region')];
  for (const { node } of found) {
    const { facets } = node;
    kind(node.kind);
    for (const t of node.tags) tag(t);
    if (facets.openness) openness(facets.openness);
    if (facets.region) region(facets.region);
  }
  return counters.sort((a, b) => b.count - a.count || before(a, b));
}
