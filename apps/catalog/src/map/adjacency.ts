import { EDGE_KINDS, type EdgeKind } from '@strata/map';
import { createVector, uint32s } from '../search/vector.js';

/** One end of edges by the other: what each place is joined to, in the order in which the edges were given. */
export interface Adjacency {
  of<T>(place: number, made: (kind: EdgeKind, other: number) => T): T[];
}
export interface Edges {
  readonly outgoing: Adjacency;
  readonly incoming: Adjacency;
  readonly counts: ReadonlyMap<EdgeKind, number>;
}
export interface EdgesBuilder {
  add(kind: EdgeKind, from: number, to: number): void;
  finish(): Edges;
}

/** Places have 24 bits, above them is the number of the kind. */
const PLACE_BITS = 24;
const MOST_PLACES = 1 << PLACE_BITS;
const PLACE = MOST_PLACES - 1;
const numbers = new Map(EDGE_KINDS.map((kind, i) => [kind, i]));

/** Edges between so many places, eight bytes each. */
export function createEdges(places: number): EdgesBuilder {
  if (places > MOST_PLACES) throw new RangeError(`${places} entries; ${MOST_PLACES} at most`);
  const starts = createVector();
  const ends = createVector();
  const kinds = createVector();

  return {
    add(kind, from, to) {
      starts.push(from);
      ends.push(to);
      kinds.push(numbers.get(kind)!);
    },
    finish() {
      const counts = new Map<EdgeKind, number>();
      for (const number of kinds.data) {
        const kind = EDGE_KINDS[number]!;
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
      }
      const [from, to, of] = [starts.data, ends.data, kinds.data];
      return { outgoing: adjacent(places, from, to, of), incoming: adjacent(places, to, from, of), counts };
    },
  };
}

/** By counting: how many edges each place has, where its edges begin, and each edge to the next free place. */
function adjacent(places: number, by: Uint32Array, others: Uint32Array, kinds: Uint32Array): Adjacency {
  const first = uint32s(places + 1);
  for (const place of by) first[place + 1]!++;
  for (let p = 0; p < places; p++) first[p + 1]! += first[p]!;
  const free = first.slice();
  const packed = uint32s(by.length);
  for (let e = 0; e < by.length; e++) packed[free[by[e]!]!++] = (kinds[e]! << PLACE_BITS) | others[e]!;
  return {
    of: (place, made) =>
      Array.from(packed.subarray(first[place], first[place + 1]), (edge) =>
        made(EDGE_KINDS[edge >>> PLACE_BITS]!, edge & PLACE),
      ),
  };
}
