import { toOnnx, type Graph } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { createSession, type SessionOptions, type Tensor } from '@strata/runtime';
import type { Batches } from './batches.js';
import type { Weights } from './trainer.js';

/** A graph whose parameters are inputs, run over many rows: validation, testing, prediction. */
export interface Evaluator {
  /** The float32 output `name` of every row, in order, row-major. */
  run(weights: Weights, data: Batches, name: string): Promise<Float32Array>;
  release(): Promise<void>;
}

const ROWS = 1024;

/** @throws StrataError `invalid_onnx`, `no_device` */
export async function createEvaluator(graph: Graph, options: SessionOptions): Promise<Evaluator> {
  const session = await createSession(toOnnx(graph), options);
  return {
    async run(weights, data, name) {
      let all: Float32Array | undefined;
      for (let from = 0; from < data.rows; from += ROWS) {
        const n = Math.min(ROWS, data.rows - from);
        const rows = Int32Array.from({ length: n }, (_, i) => from + i);
        const out = (await session.run({ ...weights, ...data.feeds(rows) }, [name]))[name] as Tensor;
        if (!(out.data instanceof Float32Array))
          throw new StrataError('invalid_graph', `output "${name}" must be float32, not ${out.dtype}`);
        const width = out.data.length / n;
        all ??= new Float32Array(data.rows * width);
        all.set(out.data, from * width);
      }
      return all ?? new Float32Array(0);
    },
    release: () => session.release(),
  };
}
