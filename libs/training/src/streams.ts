import { StrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import type { OutputStream } from './evaluate.js';
import type { Scores } from './validation.js';

const numbers = (t: Tensor | undefined, name: string): ArrayLike<number | bigint> => {
  if (!t || Array.isArray(t.data)) throw new StrataError('invalid_graph', `output "${name}" must hold numbers`);
  return t.data;
};
function total(values: ArrayLike<number | bigint>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Number(values[i]);
  return sum;
}

/** An output whose elements are added up, and the output that says how many they are; without one, its elements are counted. */
export interface MeanOf {
  readonly sum: string;
  readonly count?: string;
}

/**
 * Means over all rows of outputs of the evaluator's graph, for example the costs of tokens: the graph reduces logits to them, so no logits are held. Give it as `stream` of a validation.
 */
export const streamMeans = (means: Readonly<Record<string, MeanOf>>): (() => OutputStream) => {
  const entries = Object.entries(means);
  return () => {
    const sums = entries.map(() => ({ sum: 0, count: 0 }));
    return {
      add(outputs) {
        entries.forEach(([, { sum, count }], i) => {
          const values = numbers(outputs[sum], sum);
          const so = sums[i] as { sum: number; count: number };
          so.sum += total(values);
          so.count += count === undefined ? values.length : total(numbers(outputs[count], count));
        });
      },
      end: () =>
        Object.fromEntries(entries.map(([name], i) => [name, ratio(sums[i] as { sum: number; count: number })])),
    };
  };
};
const ratio = ({ sum, count }: { sum: number; count: number }): number => sum / count;

/**
 * Counts predicted classes against true ones batch by batch: pixels, tokens, rows.
 * @param output class indices, or scores [..., classes] of which the largest counts
 * @param truth the true class of every element of these rows, in the order of the output; a negative one is left out
 */
export const streamConfusion =
  (
    output: string,
    classes: number,
    truth: (rows: Int32Array) => ArrayLike<number>,
    score: (matrix: readonly (readonly number[])[]) => Scores,
  ): (() => OutputStream) =>
  () => {
    const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
    return {
      add(outputs, rows) {
        const values = numbers(outputs[output], output);
        const wanted = truth(rows);
        const width = values.length / wanted.length;
        for (let i = 0; i < wanted.length; i++) {
          const t = wanted[i] as number;
          if (t < 0) continue;
          const row = matrix[t];
          const p = width === 1 ? Number(values[i]) : largest(values, i * width, width);
          if (!row || row[p] === undefined)
            throw new StrataError('invalid_input', `class ${t} or ${p} is not below ${classes}`);
          row[p] = row[p] + 1;
        }
      },
      end: () => score(matrix),
    };
  };

function largest(values: ArrayLike<number | bigint>, from: number, width: number): number {
  let best = 0;
  for (let c = 1; c < width; c++) if (Number(values[from + c]) > Number(values[from + best])) best = c;
  return best;
}
