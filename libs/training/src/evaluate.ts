import type { Graph } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { openGraph, type SessionOptions, type Tensor } from '@strata/runtime';
import type { Batches } from './batches.js';
import type { Weights } from './trainer.js';

type Outputs = Readonly<Record<string, Tensor>>;

/** Takes the outputs of a pass over many rows, batch by batch, and gives scores at the end. */
export interface OutputStream {
  /** `rows` are the row numbers of this batch. */
  readonly add: (outputs: Outputs, rows: Int32Array) => void;
  readonly end: () => Readonly<Record<string, number>>;
}

/** A graph whose parameters are inputs, run over many rows: validation, testing, prediction. */
export interface Evaluator {
  /** The float32 output `name` of every row, in order, row-major. */
  run(weights: Weights, data: Batches, name: string, batchSize?: number): Promise<Float32Array>;
  /** Gives the outputs of one batch after another to `each`, which keeps what it needs of them. */
  stream(
    weights: Weights,
    data: Batches,
    names: readonly string[],
    each: OutputStream['add'],
    batchSize?: number,
  ): Promise<void>;
  release(): Promise<void>;
}

const ROWS = 1024;

/** @throws StrataError `invalid_onnx`, `no_device` */
export async function createEvaluator(graph: Graph, options: SessionOptions): Promise<Evaluator> {
  const session = await openGraph(graph, options);
  const stream: Evaluator['stream'] = async (weights, data, names, each, batchSize = ROWS) => {
    for (let from = 0; from < data.rows; from += batchSize) {
      const n = Math.min(batchSize, data.rows - from);
      const rows = Int32Array.from({ length: n }, (_, i) => from + i);
      each(await session.run({ ...weights, ...data.feeds(rows) }, names), rows);
    }
  };
  return {
    stream,
    async run(weights, data, name, batchSize) {
      let all: Float32Array | undefined;
      await stream(
        weights,
        data,
        [name],
        (outputs, rows) => {
          const out = outputs[name] as Tensor;
          if (!(out.data instanceof Float32Array))
            throw new StrataError('invalid_graph', `output "${name}" must be float32, not ${out.dtype}`);
          const width = out.data.length / rows.length;
          all ??= new Float32Array(data.rows * width);
          all.set(out.data, (rows[0] as number) * width);
        },
        batchSize,
      );
      return all ?? new Float32Array(0);
    },
    release: () => session.release(),
  };
}
