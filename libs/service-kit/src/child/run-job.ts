import { mkdir } from 'node:fs/promises';
import type { ArtifactStore } from '@strata/artifacts';
import { PauseSignal, parseParams, type JobContext, type RecipeDefinition } from '@strata/contracts';
import { StrataError, createRng, toStrataError } from '@strata/kernel';
import { createCheckpoints } from './checkpoint.js';
import { createInputs } from './inputs.js';
import type { Outcome, RunMessage } from './ipc.js';
import { createOutputs } from './outputs.js';
import type { Reporter } from './reporter.js';

/** A result is "small JSON for people and for the next step"; figures that are larger belong into a report. */
const RESULT_BYTES = 1_000_000;

/** The two things that can be asked of a running job. */
export interface Control {
  readonly signal: AbortSignal;
  readonly pauseAsked: () => boolean;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs one job to its end, whatever the end: it does not throw. */
export async function runJob(
  message: RunMessage,
  recipe: RecipeDefinition,
  store: ArtifactStore,
  reporter: Reporter,
  control: Control,
): Promise<Outcome> {
  const { spec, workDir } = message;
  let pausedAt: number | undefined;
  try {
    await mkdir(workDir, { recursive: true });
    const outputs = createOutputs(store, recipe);
    const checkpoint = createCheckpoints({
      store,
      jobId: spec.job_id,
      recipe: recipe.name,
      attempt: message.attempt,
      workDir,
      intervalMs: message.checkpointIntervalMs,
      pauseAsked: control.pauseAsked,
      onSaved: reporter.checkpoint,
    });
    const ctx: JobContext = {
      jobId: spec.job_id,
      attempt: message.attempt,
      signal: control.signal,
      log: reporter.log,
      progress: reporter.progress,
      metrics: reporter.metrics,
      ...createInputs(store, spec, { cache: message.cacheDir, work: workDir }),
      output: outputs,
      checkpoint,
      async step(state) {
        await turn();
        await reporter.settled();
        control.signal.throwIfAborted();
        const pause = control.pauseAsked();
        if (!pause && !checkpoint.due()) return;
        const at = await state();
        await checkpoint.save(at);
        if (!pause) return;
        pausedAt = at.step;
        throw new PauseSignal();
      },
      workDir,
      device: message.device,
      threads: message.threads,
      ...(message.memoryMb === undefined ? {} : { memoryLimit: message.memoryMb * 2 ** 20 }),
      rng: createRng(spec.seed),
      seed: spec.seed,
    };
    const params = parseParams(recipe, spec.params);
    const { run } = await recipe.run();
    const result = await run(ctx, params);
    control.signal.throwIfAborted();
    const size = Buffer.byteLength(JSON.stringify(result));
    if (size > RESULT_BYTES)
      throw new StrataError(
        'recipe_definition',
        `the result of recipe ${recipe.name} has ${size} bytes, more than ${RESULT_BYTES}: put it into a report`,
      );
    return { type: 'succeeded', result, outputs: outputs.collected() };
  } catch (e) {
    if (pausedAt !== undefined && e instanceof PauseSignal) return { type: 'paused', step: pausedAt };
    if (control.signal.aborted) return { type: 'cancelled' };
    const error = toStrataError(e);
    // an error that nobody foresaw: where it came from belongs into the job's log
    if (error.code === 'internal' && e instanceof Error)
      reporter.log.error({ stack: e.stack?.slice(0, 4_000) ?? null }, `unforeseen error: ${e.message}`);
    return { type: 'failed', failure: error.toJSON() };
  }
}
