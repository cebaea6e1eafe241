import type { Checkpoint, JobContext } from '@strata/contracts';
import { StrataError, type RngState } from '@strata/kernel';
import { sleep } from '../../shared/cancel.js';

export interface PingParams {
  readonly echo: string;
  readonly sleep_ms: number;
  readonly steps: number;
  readonly fail_at: number;
}

interface State extends Record<string, unknown> {
  sum: number;
  rng: RngState;
}

export async function run(ctx: JobContext, params: PingParams): Promise<Record<string, unknown>> {
  const started = Date.now();
  const saved = await ctx.checkpoint.load();
  let sum = 0;
  let step = 0;
  if (saved) {
    const state = saved.state as State;
    step = saved.step;
    sum = state.sum;
    ctx.rng.setState(state.rng);
  }
  const checkpoint = (): Checkpoint => ({ step, state: { sum, rng: ctx.rng.getState() } satisfies State, tensors: {} });
  if (params.steps === 0 && params.sleep_ms > 0) await sleep(params.sleep_ms, ctx.signal);
  while (step < params.steps) {
    if (params.sleep_ms > 0) await sleep(params.sleep_ms, ctx.signal);
    if (params.fail_at === step + 1 && ctx.attempt === 1)
      throw new StrataError('worker_crashed', `failed at step ${params.fail_at} as asked by fail_at`);
    sum += ctx.rng.next();
    step++;
    ctx.progress({ step, total: params.steps });
    ctx.metrics(step, { sum });
    if (ctx.checkpoint.due()) await ctx.checkpoint.save(checkpoint());
    await ctx.step(checkpoint);
  }
  const result = { echo: params.echo, steps: step, sum, attempt: ctx.attempt };
  if (params.steps > 0) await ctx.output.report('report', { steps: step, sum, resumed_at: saved?.step ?? 0 });
  return { ...result, ms: Date.now() - started };
}
