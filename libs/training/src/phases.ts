import type { Checkpoint, JobContext } from '@strata/contracts';
import { StrataError } from '@strata/kernel';

/** What training needs from a job. */
export type FitContext = Pick<
  JobContext,
  'log' | 'progress' | 'metrics' | 'checkpoint' | 'step' | 'threads' | 'memoryLimit' | 'device' | 'rng'
>;

/** JSON that a finished phase leaves behind. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Phases {
  /**
   * Runs `work` once in the life of the job, however often the job is interrupted: a phase that ended gives its stored result without running again, and the
   * phase that was under way finds its own checkpoints in the context that it gets. Phases must come in the same order each time.
   * `quiet` phases report no metrics of their own.
   */
  phase<T extends Json>(name: string, work: (ctx: FitContext) => Promise<T>, options?: { quiet?: boolean }): Promise<T>;
  /** The last phase: its result is not stored, so it may be anything; after an interruption it runs again from its last checkpoint. */
  last<T>(name: string, work: (ctx: FitContext) => Promise<T>): Promise<T>;
}

interface PhaseState {
  readonly done: Readonly<Record<string, Json>>;
  /** The phase that the inner state belongs to. */
  readonly phase: string;
  /** Steps of the phases that are done. */
  readonly offset: number;
  readonly inner: Record<string, unknown>;
  readonly innerStep: number;
}

const isPhaseState = (s: Record<string, unknown>): s is PhaseState & Record<string, unknown> =>
  typeof s['phase'] === 'string' && typeof s['done'] === 'object' && typeof s['inner'] === 'object';

/**
 * Splits a job into phases that share the job's one checkpoint: k-fold cross-validation and then the final fit, for example.
 * @throws StrataError `checkpoint_mismatch` when the job's checkpoint is not one of phases
 */
export async function phases(ctx: FitContext): Promise<Phases> {
  const stored = await ctx.checkpoint.load();
  if (stored && !isPhaseState(stored.state))
    throw new StrataError('checkpoint_mismatch', 'the checkpoint was not made by this recipe. Start the job afresh.');
  const resume = stored && isPhaseState(stored.state) ? { state: stored.state, tensors: stored.tensors } : undefined;
  const done: Record<string, Json> = { ...resume?.state.done };
  let offset = resume?.state.offset ?? 0;

  const scoped = (name: string, quiet: boolean, counted: () => void): FitContext => {
    const wrap = (c: Checkpoint): Checkpoint => ({
      step: offset + c.step,
      state: { done: { ...done }, phase: name, offset, inner: c.state, innerStep: c.step },
      tensors: c.tensors,
    });
    return {
      ...pick(ctx),
      // each phase draws from its own stream, so that one phase's draws cannot shift another's
      rng: ctx.rng.fork(`phase ${name}`),
      metrics: quiet ? () => undefined : (step, values) => ctx.metrics(step, values),
      progress: (p) => ctx.progress({ ...p, phase: name }),
      checkpoint: {
        due: () => ctx.checkpoint.due(),
        save: (c) => ctx.checkpoint.save(wrap(c)),
        load: async () =>
          resume?.state.phase === name
            ? { step: resume.state.innerStep, state: resume.state.inner, tensors: resume.tensors }
            : undefined,
      },
      step: (state) => {
        counted();
        return ctx.step(async () => wrap(await state()));
      },
    };
  };

  return {
    async phase<T extends Json>(name: string, work: (c: FitContext) => Promise<T>, options: { quiet?: boolean } = {}) {
      // stored by this very call in an earlier attempt, so it has the type that this call gives
      if (Object.hasOwn(done, name)) return done[name] as T;
      let steps = resume?.state.phase === name ? resume.state.innerStep : 0;
      const result = await work(scoped(name, options.quiet ?? false, () => steps++));
      done[name] = result;
      offset += steps;
      return result;
    },
    last: (name, work) => work(scoped(name, false, () => undefined)),
  };
}

function pick(ctx: FitContext): FitContext {
  return {
    log: ctx.log,
    progress: (p) => ctx.progress(p),
    metrics: (step, values) => ctx.metrics(step, values),
    checkpoint: ctx.checkpoint,
    step: (state) => ctx.step(state),
    threads: ctx.threads,
    ...(ctx.memoryLimit === undefined ? {} : { memoryLimit: ctx.memoryLimit }),
    device: ctx.device,
    rng: ctx.rng,
  };
}
