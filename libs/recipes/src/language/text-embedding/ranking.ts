/** Vectors of length 1, row by row. */
export interface Vectors {
  readonly data: Float32Array;
  readonly dim: number;
}

/** Share of the anchors whose own positive comes first, and the mean of 1 / rank (Voorhees 1999), among the positives of all pairs. */
export interface RetrievalScores {
  readonly recall_at_1: number;
  readonly mrr: number;
}

/**
 * How well anchor i finds positive i among all positives by the dot product. Another positive of the same score counts as better, so that equal vectors earn nothing; those of
 * the anchor's own group are left out.
 */
export function retrievalScores(anchors: Vectors, positives: Vectors, groups: Int32Array): RetrievalScores {
  const n = groups.length;
  const { dim } = anchors;
  let first = 0;
  let reciprocal = 0;
  for (let i = 0; i < n; i++) {
    const own = dot(anchors.data, i * dim, positives.data, i * dim, dim);
    let rank = 1;
    for (let j = 0; j < n; j++)
      if (groups[j] !== groups[i] && dot(anchors.data, i * dim, positives.data, j * dim, dim) >= own) rank++;
    if (rank === 1) first++;
    reciprocal += 1 / rank;
  }
  return { recall_at_1: first / n, mrr: reciprocal / n };
}

export function dot(a: Float32Array, i: number, b: Float32Array, j: number, dim: number): number {
  let sum = 0;
  for (let k = 0; k < dim; k++) sum += (a[i + k] as number) * (b[j + k] as number);
  return sum;
}

/**
 * Number of the group of each pair. Where pairs name their groups, those; a pair without a name is one of its own. Where none does, pairs that have a text in common, also over
 * others (union-find).
 */
export function groupsOf(
  pairs: readonly { readonly anchor: string; readonly positive: string; readonly group?: string | null }[],
): Int32Array {
  const parent = Int32Array.from(pairs.keys());
  const root = (i: number): number => {
    let r = i;
    while (parent[r] !== r) r = parent[r] as number;
    while (parent[i] !== r) [i, parent[i]] = [parent[i] as number, r];
    return r;
  };
  const seen = new Map<string, number>();
  const join = (key: string, i: number): void => {
    const other = seen.get(key);
    if (other === undefined) seen.set(key, i);
    else parent[root(i)] = root(other);
  };
  const named = pairs.some((p) => typeof p.group === 'string');
  for (const [i, { anchor, positive, group }] of pairs.entries())
    for (const key of named ? (group ? [group] : []) : [anchor, positive]) join(key, i);
  return Int32Array.from(pairs.keys(), root);
}
