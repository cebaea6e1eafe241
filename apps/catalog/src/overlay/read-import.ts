import { Worker } from 'node:worker_threads';
import { type ErrorCode, StrataError, type ErrorWhere } from '@strata/kernel';
import { type Entry, type Problem, problemError } from '@strata/map';

export interface ImportTask {
  readonly content: Uint8Array;
  readonly filename: string;
  readonly format: string;
  readonly publicEntries: readonly Entry[];
  /** Slugs of entries that stand for recipes. */
  readonly recipes: readonly string[];
  /** The tenant's entries before. */
  readonly kept: readonly Entry[];
  readonly merge: boolean;
}
export type ImportAnswer =
  | { readonly problems: readonly Problem[]; readonly entries: readonly Entry[] }
  | { readonly code: ErrorCode; readonly message: string; readonly where: ErrorWhere | undefined };

/** Where the thread's program lies; tests run it from source. */
export interface ThreadProgram {
  readonly entry: URL;
  readonly execArgv?: readonly string[];
}
const BUILT: ThreadProgram = { entry: new URL('./import-thread.js', import.meta.url) };
/** A file of the largest size takes about 600 MB to read. */
const HEAP_MB = 2048;

/**
 * The tenant's entries as a file makes them.
 * @throws StrataError `invalid_data` with file and line of what is wrong, `unsupported_media_type`, `out_of_memory`
 */
export function readImport(task: ImportTask, program: ThreadProgram = BUILT): Promise<readonly Entry[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program.entry, {
      workerData: task,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      ...(program.execArgv ? { execArgv: [...program.execArgv] } : {}),
    });
    worker.once('message', (answer: ImportAnswer) => {
      if ('code' in answer)
        reject(new StrataError(answer.code, answer.message, answer.where ? { where: answer.where } : {}));
      else if (answer.problems.length) reject(problemError(answer.problems, 'nothing was imported'));
      else resolve(answer.entries);
    });
    worker.once('error', (e) =>
      reject(
        (e as { code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? new StrataError('payload_too_large', `"${task.filename}" takes too much memory to read; split it`, {
              cause: e,
            })
          : e,
      ),
    );
    worker.once('exit', (code) =>
      reject(new StrataError('internal', `the thread that reads imports ended with ${code} before it answered`)),
    );
  });
}
