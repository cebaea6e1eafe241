import { performance } from 'node:perf_hooks';
import type { BatchOrder } from './batch-order.js';
import type { LoadedStep } from './course.js';
import type { Loader } from './data-loader.js';
import type { FitOptions } from './fit-options.js';
import type { State, Tally } from './fit-state.js';
import { preflight, requireFit, secondsPerStep } from './preflight.js';
import { graphFor, type StepGraph } from './step-graph.js';
import type { Feeds, Trainer } from './trainer.js';

/** Looks ahead: what the largest batches need, and how long the steps will take. @throws StrataError `does_not_fit` */
export async function look(
  options: FitOptions,
  order: BatchOrder,
  loader: Loader,
  state: State,
  total: number,
): Promise<void> {
  const { ctx, step, accumulate = 1, validation } = options;
  const [{ feeds, rows }, ...others] = await largestBatches(options, order, loader, state);
  const device = ctx.device.kind;
  const free = process.availableMemory();
  const seen = preflight({
    step,
    feeds,
    rows,
    others,
    accumulate,
    device,
    limit: Math.min(free, (ctx.memoryLimit ?? Infinity) - process.memoryUsage.rss()),
    keepsBest: validation?.earlyStopping !== undefined || validation?.keepBest !== undefined,
  });
  requireFit(seen, rows);
  const seconds = (await secondsPerStep(seen, { threads: ctx.threads, device })) * (total - state.step);
  ctx.log.info(
    { memory_mb: Math.ceil(seen.memory.total / 2 ** 20), seconds: Math.ceil(seconds), largest_batch: seen.batchSize },
    'estimated before the first step: memory, time of all steps, rows of a batch that fit',
  );
  ctx.progress({ step: state.step, total, eta_s: seconds });
}

interface Sample {
  readonly feeds: Feeds;
  readonly rows: number;
  /** Of all batches. */
  readonly share: number;
}

/** The largest batch of an epoch, then those of the step's other graphs, as far as the lengths of the rows tell them apart. */
async function largestBatches(
  { step, order: { lengths } = {} }: FitOptions,
  order: BatchOrder,
  loader: Loader,
  state: State,
): Promise<[Sample, ...Sample[]]> {
  const all = order.epoch(state.epoch);
  const longest = (rows: Int32Array): number =>
    lengths ? rows.reduce((n, r) => Math.max(n, lengths[r] as number), 0) : 1;
  const size = (rows: Int32Array): number => rows.length * longest(rows);
  const groups = new Map<number, { largest: Int32Array; count: number }>();
  for (const rows of all) {
    const key = step.variants.length > 0 ? longest(rows) : 0;
    const group = groups.get(key) ?? { largest: rows, count: 0 };
    groups.set(key, { largest: size(rows) > size(group.largest) ? rows : group.largest, count: group.count + 1 });
  }
  const at = { epoch: state.epoch, step: state.step, micro: 0 };
  const samples = new Map<StepGraph, Sample>();
  for (const { largest: rows, count } of [...groups.values()].sort((x, y) => size(y.largest) - size(x.largest))) {
    const [feeds = {}] = await loader.load([{ rows, at }]);
    const of = graphFor(step, feeds);
    const known = samples.get(of) ?? { feeds, rows: rows.length, share: 0 };
    samples.set(of, { ...known, share: known.share + count / all.length });
  }
  return [...samples.values()] as [Sample, ...Sample[]];
}

export const meanOf = (t: Tally): number => t.loss / t.rows;

/** Points of a training curve that are reported; more would drown the events of the job. */
const REPORTS = 200;

/** Reports progress after each step and metrics at some. */
export function createReporter(options: FitOptions, trainer: Trainer, total: number, firstStep: number) {
  const { ctx, tokens = (f: Feeds) => f['input_ids']?.data.length ?? 0 } = options;
  const every = Math.max(1, Math.floor(total / REPORTS));
  const began = performance.now();
  let since = { at: began, rows: 0, tokens: 0, waited: 0 };
  return (state: State, loaded: LoadedStep, feeds: readonly Feeds[], rate: number): void => {
    since.rows += loaded.rows;
    since.waited += loaded.waited;
    since.tokens += feeds.reduce((n, f) => n + tokens(f), 0);
    const now = performance.now();
    if (state.step % every === 0 && state.sinceReport.rows > 0) {
      const seconds = Math.max(1e-3, (now - since.at) / 1000);
      const norm = trainer.gradientNorm();
      ctx.metrics(state.step, {
        train_loss: meanOf(state.sinceReport),
        learning_rate: rate,
        samples_per_second: since.rows / seconds,
        ...(since.tokens > 0 ? { tokens_per_second: since.tokens / seconds } : {}),
        ...(norm !== undefined && Number.isFinite(norm) ? { gradient_norm: norm } : {}),
        data_wait_ms_per_second: since.waited / seconds,
      });
      since = { at: now, rows: 0, tokens: 0, waited: 0 };
      state.sinceReport = { loss: 0, rows: 0 };
    }
    const perStep = (now - began) / 1000 / (state.step - firstStep);
    ctx.progress({ step: state.step, total, eta_s: perStep * (total - state.step) });
  };
}
