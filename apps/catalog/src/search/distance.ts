type Row = Uint16Array;
const row = (length: number): Row => new Uint16Array(length);
/** The two rows before and the one that is filled, used again by every comparison. */
let rows: [Row, Row, Row] = [row(64), row(64), row(64)];

/**
 * Edits that turn one word into another: a letter more, less or other, or two neighbours exchanged (optimal string alignment, Damerau 1964).
 * @returns `most + 1` for anything above `most`
 */
export function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  if (rows[0].length <= b.length) rows = [row(2 * b.length), row(2 * b.length), row(2 * b.length)];
  let [before, last, next] = rows;
  for (let j = 0; j <= b.length; j++) last[j] = j;
  let leastBefore = 0;
  for (let i = 1; i <= a.length; i++) {
    next[0] = i;
    let least = i;
    const [here, previous] = [a.charCodeAt(i - 1), a.charCodeAt(i - 2)];
    for (let j = 1; j <= b.length; j++) {
      const other = b.charCodeAt(j - 1);
      let cost = Math.min(last[j - 1]! + (here === other ? 0 : 1), last[j]! + 1, next[j - 1]! + 1);
      if (i > 1 && j > 1 && here === b.charCodeAt(j - 2) && previous === other)
        cost = Math.min(cost, before[j - 2]! + 1);
      next[j] = cost;
      if (cost < least) least = cost;
    }
    // a transposition reaches back two rows, so one row above the limit proves nothing yet
    if (least > most && leastBefore > most) return most + 1;
    leastBefore = least;
    [before, last, next] = [last, next, before];
  }
  return Math.min(last[b.length]!, most + 1);
}
