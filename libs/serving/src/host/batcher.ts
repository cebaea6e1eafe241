import { isStrataError } from '@strata/kernel';
import type { Tensor, TypedArrays } from '@strata/runtime';
import { countOf } from '../datatypes.js';
import type { RunResult } from './model-thread.js';

export interface Batching {
  /** Rows in one execution at most; a larger request runs alone. */
  readonly maxBatchSize: number;
  /** How long the first request of a batch may wait for others while the model is idle; whole milliseconds are what timers can do. */
  readonly maxQueueDelayMicroseconds: number;
}

export interface Inferred extends RunResult {
  /** Milliseconds between the request and the execution it was part of. */
  readonly queueMs: number;
}

type Run = (inputs: Readonly<Record<string, Tensor>>, outputs: readonly string[]) => Promise<RunResult>;

interface Request {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly string[];
  readonly rows: number;
  /** Requests with the same one can be joined. */
  readonly form: string;
  readonly at: number;
  readonly resolve: (r: Inferred) => void;
  readonly reject: (e: unknown) => void;
}

/**
 * Joins requests along the first axis. One execution at a time: what arrives meanwhile is the next batch. A request that makes its batch fail fails alone: the others are
 * run again without it.
 */
export function createBatcher(run: Run, batching: Batching, onExecution: (rows: number) => void) {
  const queue: Request[] = [];
  let busy = false;
  let timer: NodeJS.Timeout | undefined;
  const delayMs = batching.maxQueueDelayMicroseconds / 1000;

  const take = (): Request[] => {
    const first = queue.shift();
    if (!first) return [];
    const batch = [first];
    let { rows } = first;
    for (let i = 0; i < queue.length && rows < batching.maxBatchSize;) {
      const next = queue[i] as Request;
      if (next.form === first.form && rows + next.rows <= batching.maxBatchSize) {
        batch.push(next);
        rows += next.rows;
        queue.splice(i, 1);
      } else i++;
    }
    return batch;
  };

  const execute = async (batch: readonly Request[]): Promise<void> => {
    const rows = batch.reduce((n, r) => n + r.rows, 0);
    const begun = performance.now();
    try {
      const [only] = batch;
      const names = [...new Set(batch.flatMap((r) => r.outputs))];
      onExecution(rows);
      const result = await run(batch.length === 1 && only ? only.inputs : join(batch.map((r) => r.inputs)), names);
      let at = 0;
      for (const r of batch) {
        const outputs = Object.fromEntries(
          r.outputs.map((name) => {
            const t = result.outputs[name] as Tensor;
            return [name, batch.length === 1 ? t : slice(t, at, r.rows, rows)];
          }),
        );
        at += r.rows;
        r.resolve({ outputs, computeMs: result.computeMs, queueMs: begun - r.at });
      }
    } catch (e) {
      const others = batch.length > 1 && isStrataError(e) && !e.retryable;
      if (others) for (const r of batch) await execute([r]);
      else for (const r of batch) r.reject(e);
    }
  };

  const work = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    clearTimeout(timer);
    timer = undefined;
    for (let batch = take(); batch.length > 0; batch = take()) await execute(batch);
    busy = false;
  };

  return {
    infer(inputs: Readonly<Record<string, Tensor>>, outputs: readonly string[], batchable: boolean): Promise<Inferred> {
      return new Promise((resolve, reject) => {
        const at = performance.now();
        const rows = Object.values(inputs)[0]?.dims[0] ?? 1;
        const form = batchable ? formOf(inputs) : `${at}:${Math.random()}`;
        queue.push({ inputs, outputs, rows, form, at, resolve, reject });
        if (busy) return;
        const waiting = queue.reduce((n, r) => n + r.rows, 0);
        if (delayMs === 0 || waiting >= batching.maxBatchSize) setImmediate(() => void work());
        else timer ??= setTimeout(() => void work(), delayMs);
      });
    },
    get pending(): number {
      return queue.length;
    },
  };
}
export type Batcher = ReturnType<typeof createBatcher>;

const formOf = (inputs: Readonly<Record<string, Tensor>>): string =>
  Object.keys(inputs)
    .sort()
    .map((name) => `${name}:${inputs[name]?.dims.slice(1).join('x')}`)
    .join(' ');

function join(all: readonly Readonly<Record<string, Tensor>>[]): Record<string, Tensor> {
  const names = Object.keys(all[0] ?? {});
  return Object.fromEntries(
    names.map((name) => {
      const parts = all.map((inputs) => inputs[name] as Tensor);
      const first = parts[0] as Tensor;
      const rows = parts.reduce((n, t) => n + (t.dims[0] ?? 0), 0);
      return [name, { dtype: first.dtype, dims: [rows, ...first.dims.slice(1)], data: concat(parts) } as Tensor];
    }),
  );
}

type Numeric = Exclude<TypedArrays[keyof TypedArrays], string[]>;

function concat(parts: readonly Tensor[]): Tensor['data'] {
  const first = (parts[0] as Tensor).data;
  if (Array.isArray(first)) return parts.flatMap((t) => t.data as string[]);
  const total = parts.reduce((n, t) => n + t.data.length, 0);
  const joined = new (first.constructor as new (n: number) => Numeric)(total);
  let at = 0;
  for (const t of parts) {
    // the parts have one element type: checked against the manifest before they were queued
    (joined as Float32Array).set(t.data as Float32Array, at);
    at += t.data.length;
  }
  return joined;
}

function slice(t: Tensor, at: number, rows: number, total: number): Tensor {
  const row = countOf(t.dims) / total;
  return {
    dtype: t.dtype,
    dims: [rows, ...t.dims.slice(1)],
    data: t.data.slice(at * row, (at + rows) * row),
  } as Tensor;
}
