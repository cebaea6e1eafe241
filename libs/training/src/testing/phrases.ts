import { createRng } from '@strata/kernel';
import { shared } from '../batches.js';
import { batchModule, type BatchModule } from '../data-loader.js';
import { createBatches, type Phrases } from './phrase-batches.js';

/** Threads from TypeScript sources: tests need no build. */
export const sourceProgram: NonNullable<BatchModule['program']> = {
  entry: new URL('../data-thread.ts', import.meta.url),
  execArgv: [
    '--conditions',
    '@strata/source',
    '--import',
    new URL('../../../../tools/ts-register.mjs', import.meta.url).href,
  ],
};

/** Rows of 1 to 9 ids below 12; the label says whether 7 occurs. */
export function phrases(rows: number, broken?: number): Phrases & { readonly lengths: number[] } {
  const rng = createRng(4);
  const all = Array.from({ length: rows }, () => Array.from({ length: 1 + rng.int(9) }, () => 1 + rng.int(11)));
  const starts = new Int32Array(rows + 1);
  all.forEach((p, i) => (starts[i + 1] = (starts[i] as number) + p.length));
  return {
    ids: shared(Int32Array.from(all.flat())),
    starts: shared(starts),
    labels: Int32Array.from(all, (p) => (p.includes(7) ? 1 : 0)),
    lengths: all.map((p) => p.length),
    ...(broken === undefined ? {} : { broken }),
  };
}

export const phraseModule = (init: Phrases, thread: boolean): BatchModule<unknown> =>
  batchModule({
    rows: init.labels.length,
    create: createBatches,
    init,
    module: new URL('./phrase-batches.js', import.meta.url),
    thread,
    program: sourceProgram,
  });
