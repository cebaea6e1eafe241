import { createArtifactStore, type ArtifactStore } from '@strata/artifacts';
import type { Device, RecipeDefinition } from '@strata/contracts';
import { StrataError, toStrataError } from '@strata/kernel';
import type { FromChild, Outcome, RunMessage, ToChild } from './ipc.js';
import { createReporter } from './reporter.js';
import { runJob } from './run-job.js';

export interface ChildOptions {
  /** @throws StrataError `unknown_recipe` */
  readonly getRecipe: (name: string) => RecipeDefinition;
  /** Called in a child of its own at the worker's start, because native discovery may block or crash. */
  readonly listDevices?: () => Promise<readonly Device[]>;
}

function post(message: FromChild): Promise<void> {
  return new Promise((resolve, reject) => {
    if (!process.send) return reject(new StrataError('internal', 'this program is started by a worker, not by hand'));
    process.send(message, undefined, undefined, (e) => (e ? reject(e) : resolve()));
  });
}

/**
 * The whole main program of the process that runs jobs: takes a job over the IPC channel, runs it and reports. It ends when the channel
 * closes, so no child outlives its host.
 */
export function runChild(options: ChildOptions): void {
  let abort = new AbortController();
  let pause = false;
  let store: { readonly key: string; readonly store: ArtifactStore } | undefined;

  const storeFor = (message: RunMessage): ArtifactStore => {
    const key = JSON.stringify(message.artifacts);
    if (store?.key !== key) store = { key, store: createArtifactStore(message.artifacts) };
    return store.store;
  };

  const run = async (message: RunMessage): Promise<void> => {
    abort = new AbortController();
    pause = false;
    const control = { signal: abort.signal, pauseAsked: () => pause };
    const reporter = createReporter(post);
    let outcome: Outcome;
    try {
      const recipe = options.getRecipe(message.spec.recipe);
      await post({ type: 'started' });
      outcome = await runJob(message, recipe, storeFor(message), reporter, control);
    } catch (e) {
      outcome = { type: 'failed', failure: toStrataError(e).toJSON() };
    }
    await reporter.flush();
    await post({ type: 'ended', outcome });
  };

  process.on('message', (message: ToChild) => {
    switch (message.type) {
      case 'run':
        void run(message);
        break;
      case 'cancel':
        abort.abort(new StrataError('job_cancelled', 'the job was cancelled'));
        break;
      case 'pause':
        pause = true;
        break;
      case 'devices':
        void (options.listDevices?.() ?? Promise.resolve([])).then((devices) => post({ type: 'devices', devices }));
        break;
    }
  });
  process.on('disconnect', () => process.exit(1));
  // Ctrl-C reaches the whole process group; the host decides when its children end
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  void post({ type: 'ready' });
}
