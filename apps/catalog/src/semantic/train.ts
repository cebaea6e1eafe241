import { fork } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { StrataError } from '@strata/kernel';
import type { MapNode } from '../map/map.js';

/** Parameters of `language/text-embedding`, chosen on questions that are not those of the tests. */
export const PARAMS = {
  word_ngrams: [1, 2] as [number, number],
  char_ngrams: [0, 0] as [number, number],
  max_ngrams: 128,
  min_df: 3,
  embedding_dim: 64,
  // a softer choice among negatives and n-grams left out keep so few texts from being learned by heart
  temperature: 0.1,
  dropout: 0.3,
  batch_size: 256,
  epochs: 3,
};
export const SEED = 7;

/** Fewer pairs are those of a small map, whose words are all rare. */
const MANY_PAIRS = 5_000;
export const paramsFor = (pairs: number): typeof PARAMS => (pairs < MANY_PAIRS ? { ...PARAMS, min_df: 2 } : PARAMS);

export interface TrainTask {
  readonly file: string;
  readonly nodes: readonly MapNode[];
}
export type TrainAnswer = { readonly pairs: number } | { readonly error: string };

/** Where the training program lies; tests run it from source. */
export interface ChildProgram {
  readonly entry: URL;
  readonly execArgv?: readonly string[];
}
const BUILT: ChildProgram = { entry: new URL('./train-child.js', import.meta.url) };

export interface Training {
  /** Pairs that were learned from. @throws StrataError `worker_crashed` */
  readonly done: Promise<number>;
  stop(): void;
}

/** Trains in a process of its own, with what processor time nobody else wants. */
export function startTraining(task: TrainTask, program: ChildProgram = BUILT): Training {
  const child = fork(fileURLToPath(program.entry), {
    serialization: 'advanced',
    execArgv: [...(program.execArgv ?? [])],
    env: { ORT_DISABLE_TELEMETRY: '1' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-2_000)));
  const done = new Promise<number>((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new StrataError('worker_crashed', `the training of the model of meanings failed: ${why}`));
    child.once('message', (answer) => {
      const a = answer as TrainAnswer;
      if ('error' in a) fail(a.error);
      else resolve(a.pairs);
    });
    child.once('error', (e) => fail(e.message));
    child.once('exit', (code, signal) => fail(`it ended with ${signal ?? code} ${words}`.trim()));
  });
  if (child.pid !== undefined)
    try {
      setPriority(child.pid, constants.priority.PRIORITY_LOW);
    } catch {
      // it has already ended, or the system has no priorities
    }
  child.send(task);
  return { done, stop: () => void child.kill('SIGKILL') };
}
