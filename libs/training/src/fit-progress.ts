import { performance } from 'node:perf_hooks';
import type { BatchOrder } from './batch-order.js';
import type { LoadedStep } from './course.js';
import type { Loader } from './data-loader.js';
import type { FitOptions } from './fit-options.js';
import type { State, Tally } from './fit-state.js';
import { preflight, requireFit, secondsPerStep } from './preflight.js';
import type { Feeds, Trainer } from './trainer.js';

/** Looks ahead: what the largest batch needs, and how long the steps will take. @throws StrataError `does_not_fit` */
export async function look(
  { ctx, step, accumulate = 1, order: { lengths } = {}, validation }: FitOptions,
  order: BatchOrder,
  loader: Loader,
  state: State,
  total: number,
): Promise<void> {
  const size = (rows: Int32Array): number =>
    lengths ? rows.length * rows.reduce((n, r) => Math.max(n, lengths[r] as number), 0) : rows.length;
  const rows = order.epoch(state.epoch).reduce((x, y) => (size(y) > size(x) ? y : x));
  const at = { epoch: state.epoch, step: state.step, micro: 0 };
  const [feeds = {}] = await loader.load([{ rows, at }]);
  const device = ctx.device.kind;
  const free = process.availableMemory();
  const seen = preflight({
    step,
    feeds,
    rows: rows.length,
    accumulate,
    device,
    limit: Math.min(free, (ctx.memoryLimit ?? Infinity) - process.memoryUsage.rss()),
    keepsBest: validation?.earlyStopping !== undefined || validation?.keepBest !== undefined,
  });
  requireFit(seen, rows.length);
  const seconds = (await secondsPerStep(seen, { threads: ctx.threads, device })) * (total - state.step);
  ctx.log.info(
    { memory_mb: Math.ceil(seen.memory.total / 2 ** 20), seconds: Math.ceil(seconds), largest_batch: seen.batchSize },
    'estimated before the first step: memory, time of all steps, rows of a batch that fit',
  );
  ctx.progress({ step: state.step, total, eta_s: seconds });
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
