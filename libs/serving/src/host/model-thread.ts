import type { ModelManifest } from '@strata/contracts';
import { StrataError, deserializeError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { FromThread, RunRequest, ThreadData, ToThread } from './thread.js';

export interface RunResult {
  readonly outputs: Record<string, Tensor>;
  /** Milliseconds in the model's thread. */
  readonly computeMs: number;
}

export interface ThreadProgram {
  readonly entry: URL;
  readonly execArgv?: readonly string[];
}

/** A model open in a thread of its own. */
export interface ModelThread {
  readonly manifest: ModelManifest;
  /** @throws StrataError as the model raised it; `worker_crashed` when the thread ends meanwhile */
  run(inputs: Readonly<Record<string, Tensor>>, outputs: readonly string[]): Promise<RunResult>;
  close(): Promise<void>;
}

/** A thread that does not close by itself within this time is ended, in milliseconds. */
const CLOSE_MS = 2000;

/**
 * Opens the model folder in a new thread. `onEnd` is called when the thread ends by itself.
 * @throws StrataError `invalid_model`, `invalid_onnx`, `no_device`, `worker_crashed`
 */
export function startModelThread(
  program: ThreadProgram,
  data: ThreadData,
  onEnd: (e: StrataError) => void,
): Promise<ModelThread> {
  // the environment is shared: native code reads the real one (the runtime's telemetry switch)
  const worker = new Worker(program.entry, {
    workerData: data,
    env: SHARE_ENV,
    ...(program.execArgv ? { execArgv: [...program.execArgv] } : {}),
  });
  const waiting = new Map<number, { resolve: (r: RunResult) => void; reject: (e: StrataError) => void }>();
  let nextId = 0;
  let closing = false;
  let ended: StrataError | undefined;

  const send = (message: ToThread): void => worker.postMessage(message);
  const close = async (): Promise<void> => {
    closing = true;
    if (ended) return;
    const exit = new Promise((resolve) => worker.once('exit', resolve));
    send({ close: true });
    const timer = setTimeout(() => void worker.terminate(), CLOSE_MS);
    await exit;
    clearTimeout(timer);
  };

  return new Promise((resolve, reject) => {
    let cause: unknown;
    worker.on('error', (e) => (cause = e)); // 'exit' follows
    worker.on('exit', (code) => {
      const why = cause instanceof Error ? cause.message : `code ${code}`;
      ended = new StrataError(
        'worker_crashed',
        closing
          ? 'the model was unloaded while the request waited'
          : `the thread of the model ended (${why}); it is started again with the next request`,
        { cause },
      );
      for (const w of waiting.values()) w.reject(ended);
      waiting.clear();
      reject(ended);
      if (!closing) onEnd(ended);
    });
    worker.on('message', (message: FromThread) => {
      if (message.type === 'ready') return resolve({ manifest: message.manifest, run, close });
      if (message.type === 'refused') {
        closing = true;
        return reject(deserializeError(message.error));
      }
      const asked = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.type === 'result') asked?.resolve({ outputs: message.outputs, computeMs: message.computeMs });
      else asked?.reject(deserializeError(message.error));
    });

    function run(inputs: Readonly<Record<string, Tensor>>, outputs: readonly string[]): Promise<RunResult> {
      return new Promise((done, fail) => {
        if (ended) return fail(ended);
        const request: RunRequest = { id: nextId++, inputs, outputs };
        waiting.set(request.id, { resolve: done, reject: fail });
        send(request);
      });
    }
  });
}
