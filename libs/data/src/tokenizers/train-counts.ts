/** How often each piece of text occurs, in order of first occurrence. */
export type Counts = ReadonlyMap<string, number>;

const byCodePoint = (a: string, b: string): number => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0);

/**
 * The characters of the pieces in order of their code points; where they are more than `room`, the most frequent ones (of equals the smaller code point).
 */
export function alphabetOf(counts: Counts, room: number, always: Iterable<string> = []): string[] {
  const seen = new Map<string, number>();
  for (const c of always) seen.set(c, Infinity);
  for (const [piece, n] of counts) for (const c of piece) seen.set(c, (seen.get(c) ?? 0) + n);
  const kept =
    seen.size <= room
      ? [...seen.keys()]
      : [...seen]
          .sort(([a, n], [b, m]) => (n === m ? byCodePoint(a, b) : m > n ? 1 : -1))
          .slice(0, Math.max(0, room))
          .map(([c]) => c);
  return kept.sort(byCodePoint);
}

/** The pieces that occur at least `least` times, most frequent first (of equals the smaller by code unit), at most `room` of them. */
export function frequent(counts: Counts, least: number, room: number): string[] {
  return [...counts]
    .filter(([, n]) => n >= least)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, Math.max(0, room))
    .map(([piece]) => piece);
}
