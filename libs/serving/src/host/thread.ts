// Entry of a model's worker thread. onnxruntime blocks the thread that runs a session, so each model has its own.
import { toStrataError, type SerializedError } from '@strata/kernel';
import type { ModelManifest } from '@strata/contracts';
import type { Tensor } from '@strata/runtime';
import { parentPort, workerData } from 'node:worker_threads';
import { openModel, type OpenOptions } from '../predictor.js';

export interface ThreadData extends OpenOptions {
  readonly dir: string;
}
export interface RunRequest {
  readonly id: number;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly string[];
}
export type ToThread = RunRequest | { readonly close: true };
export type FromThread =
  | { readonly type: 'ready'; readonly manifest: ModelManifest }
  | { readonly type: 'refused'; readonly error: SerializedError }
  | {
      readonly type: 'result';
      readonly id: number;
      readonly outputs: Record<string, Tensor>;
      readonly computeMs: number;
    }
  | { readonly type: 'error'; readonly id: number; readonly error: SerializedError };

if (parentPort) {
  const port = parentPort;
  const send = (message: FromThread): void => port.postMessage(message);
  try {
    const predictor = await openModel((workerData as ThreadData).dir, workerData as ThreadData);
    port.on('message', (message: ToThread) => {
      if ('close' in message) {
        void predictor.close().finally(() => port.close());
        return;
      }
      const started = performance.now();
      predictor.infer(message.inputs, message.outputs).then(
        (outputs) => send({ type: 'result', id: message.id, outputs, computeMs: performance.now() - started }),
        (e: unknown) => send({ type: 'error', id: message.id, error: toStrataError(e).toJSON() }),
      );
    });
    send({ type: 'ready', manifest: predictor.manifest });
  } catch (e) {
    send({ type: 'refused', error: toStrataError(e).toJSON() });
    port.close();
  }
}
