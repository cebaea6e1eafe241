import type { DatasetHandle, JobContext, ModelHandle, ModelManifest } from '@strata/contracts';
import { tensorOf, toNumbers, type Graph, type TensorData } from '@strata/graph';
import { StrataError, type Rng } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import { tensorsOf, type Predictor } from '@strata/serving';
import { turn } from '../../shared/cancel.js';
import { batchesOf, rowMapper } from '../../shared/model-rows.js';

/** How far two models are apart. */
export interface Agreement {
  readonly rows: number;
  readonly invented: boolean;
  /** Mean and largest |a - b| over all floating outputs: of probabilities, or of predictions divided by the standard deviation of `a`. */
  readonly mean_difference: number;
  readonly max_difference: number;
  /** Share of rows with the same label; null for a model without labels. */
  readonly same_label: number | null;
}

type Inputs = Readonly<Record<string, Tensor>>;
interface Batch {
  readonly rows: number;
  readonly inputs: Inputs;
}
const BATCH = 64;

/** The first rows of a dataset as inputs of the model. */
export async function* rowBatches(
  ctx: JobContext,
  model: ModelHandle,
  data: DatasetHandle,
  params: { readonly check_rows: number; readonly text_column: string },
): AsyncGenerator<Batch> {
  const toRow = rowMapper(model, data.format, params.text_column);
  let left = params.check_rows;
  for await (const batch of batchesOf(ctx, data, Math.min(BATCH, left))) {
    const rows = batch.rows.slice(0, left).map(toRow);
    yield { rows: rows.length, inputs: tensorsOf(model.manifest, rows, batch.start + 1) };
    left -= rows.length;
    if (left <= 0) return;
  }
}

/** Rows of the smallest table that an input of ids looks up: larger ids would be refused. */
function idLimit(graph: Graph, input: string): number {
  const tables = graph.nodes.filter((n) => n.op === 'Gather' && n.inputs[1] === input);
  const rows = tables.map((n) => graph.initializers.get(n.inputs[0] ?? '')?.dims[0] ?? 1);
  return Math.min(...rows, 2 ** 31);
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const word = (rng: Rng): string => Array.from({ length: 2 + rng.int(6) }, () => LETTERS[rng.int(26)]).join('');

/** Inputs made up from the seed: standard normal numbers, words, ids that the model's tables hold. */
export function* inventedBatches(manifest: ModelManifest, graph: Graph, rows: number, rng: Rng): Generator<Batch> {
  for (let done = 0; done < rows; done += BATCH) {
    const n = Math.min(BATCH, rows - done);
    const inputs = manifest.inputs.map((spec) => {
      // the first open size is the batch; others get a small size of their own
      const dims = spec.shape.map((d, axis) => (d >= 0 ? d : axis === 0 ? n : 4));
      const count = dims.reduce((a, d) => a * d, 1);
      const draw = (): number | string => {
        if (spec.datatype === 'BYTES')
          return Array.from({ length: manifest.preprocess ? 12 : 1 }, () => word(rng)).join(' ');
        if (spec.datatype === 'BOOL') return rng.int(2);
        if (spec.datatype.startsWith('FP')) return rng.normal();
        return rng.int(Math.min(100, idLimit(graph, spec.name)));
      };
      return [spec.name, tensorOf(DTYPES[spec.datatype], dims, Array.from({ length: count }, draw)) as Tensor] as const;
    });
    yield { rows: n, inputs: Object.fromEntries(inputs) };
  }
}

const DTYPES = {
  BOOL: 'bool',
  INT8: 'int8',
  UINT8: 'uint8',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const;

const FLOATING: ReadonlySet<string> = new Set(['float16', 'float32', 'float64']);

/**
 * Runs both models on the same inputs.
 * @throws StrataError `invalid_model` when the second gives other shapes or values that are not finite, or is further away on real rows than `tolerance` allows
 */
export async function compareModels(
  ctx: JobContext,
  before: Predictor,
  after: Predictor,
  batches: AsyncIterable<Batch> | Iterable<Batch>,
  options: { readonly invented: boolean; readonly tolerance: number },
): Promise<Agreement> {
  const regression = before.manifest.task === 'regression';
  const sum = { rows: 0, values: 0, difference: 0, largest: 0, mean: 0, square: 0, same: 0, labelled: 0 };
  for await (const { rows, inputs } of batches) {
    await turn(ctx.signal);
    const [a, b] = [await before.infer(inputs), await after.infer(inputs)];
    sum.rows += rows;
    for (const [name, x] of Object.entries(a)) {
      const y = b[name];
      if (!y || y.dtype !== x.dtype || x.dims.join() !== y.dims.join())
        throw new StrataError('invalid_model', `the quantised model gives another type or shape for "${name}"`, {
          where: { node: name },
        });
      if (x.dtype === 'string') {
        const labels = y.data as string[];
        sum.labelled += labels.length;
        (x.data as string[]).forEach((label, i) => (sum.same += label === labels[i] ? 1 : 0));
      }
      if (!FLOATING.has(x.dtype)) continue;
      const [p, q] = [toNumbers(x as TensorData), toNumbers(y as TensorData)];
      p.forEach((v, i) => {
        const w = q[i] ?? NaN;
        if (Number.isFinite(v) && !Number.isFinite(w))
          throw new StrataError(
            'invalid_model',
            `the quantised model gives ${w} where the model gives ${v}, in "${name}"`,
            { where: { node: name } },
          );
        if (!Number.isFinite(v)) return;
        const d = Math.abs(v - w);
        sum.values++;
        sum.difference += d;
        sum.largest = Math.max(sum.largest, d);
        sum.mean += v;
        sum.square += v * v;
      });
    }
  }
  if (sum.rows === 0) throw new StrataError('empty_data', 'the data has no row on which the models could be compared');
  const n = Math.max(1, sum.values);
  const deviation = Math.sqrt(Math.max(0, sum.square / n - (sum.mean / n) ** 2));
  const unit = regression && deviation > 0 ? deviation : 1;
  const mean = sum.difference / n / unit;
  if (!options.invented && mean > options.tolerance)
    throw new StrataError(
      'invalid_model',
      `the quantised model is ${mean.toPrecision(3)} away from the model on average, more than the tolerance of ${options.tolerance}. Use per_channel, exclude the most sensitive nodes, or allow a larger tolerance`,
      { where: { field: 'params.tolerance' } },
    );
  return {
    rows: sum.rows,
    invented: options.invented,
    mean_difference: mean,
    max_difference: sum.largest / unit,
    same_label: sum.labelled === 0 ? null : sum.same / sum.labelled,
  };
}
