import { describe, expect, it } from '@jest/globals';
import { shared } from './batches.js';
import { createLoader, type Loader } from './data-loader.js';
import { phraseModule, phrases, sourceProgram } from './testing/phrases.js';

const part = (rows: number[], epoch = 0) => ({ rows: Int32Array.from(rows), at: { epoch, step: 3, micro: 0 } });
const part0 = [part([0])];
const STEPS = [[part([0, 1, 2])], [part([5, 4], 1), part([3], 1)], [part([7, 6, 0, 1], 2)]];

async function using<T>(loader: Loader, work: (l: Loader) => Promise<T>): Promise<T> {
  try {
    return await work(loader);
  } finally {
    await loader.close();
  }
}
const wait = (ms: number) => new Promise((r) => setTimeout(r, ms));

describe('batches from a thread', () => {
  it('are those that the calling thread makes, asked for ahead or not', async () => {
    const here = await using(createLoader(phraseModule(phrases(8), false), 3), (l) =>
      Promise.all(STEPS.map((s) => l.load(s))),
    );
    const there = await using(createLoader(phraseModule(phrases(8), true), 3), (l) =>
      Promise.all(STEPS.map((s) => l.load(s))),
    );
    expect(there).toEqual(here);
    expect(there[1]?.map((f) => f['label']?.dims)).toEqual([[2], [1]]);
    // hidden in odd epochs only
    expect(there.map((s) => s[0]?.['input_ids']?.data[0] === 0n)).toEqual([false, true, false]);
  });

  it('say what went wrong as the thread said it, and go on', async () => {
    await using(createLoader(phraseModule(phrases(8, 2), true), 3), async (l) => {
      await expect(l.load([part([0, 2])])).rejects.toMatchObject({
        code: 'invalid_data',
        message: 'row 2 is broken',
        where: { line: 3 },
      });
      expect(await l.load([part([1])])).toHaveLength(1);
    });
  });

  it('say that the thread died, now and later', async () => {
    const crashing = {
      ...phraseModule(phrases(8), true),
      module: new URL('./testing/crashing-batches.js', import.meta.url),
    };
    await using(createLoader(crashing, 3), async (l) => {
      await expect(l.load([part([0])])).rejects.toMatchObject({ code: 'worker_crashed' });
      await expect(l.load([part([0])])).rejects.toMatchObject({ code: 'worker_crashed' });
    });
  });

  it('say which module is missing', async () => {
    const missing = { ...phraseModule(phrases(8), true), module: new URL('./testing/absent.js', import.meta.url) };
    await using(createLoader(missing, 3), async (l) => {
      await expect(l.load([part([0])])).rejects.toThrow(/absent/);
    });
  });

  it('leave no thread behind, whatever was asked for', async () => {
    const beats = shared(new Int32Array(1));
    const beating = {
      ...phraseModule(phrases(8), true),
      init: { beats },
      module: new URL('./testing/beating-batches.js', import.meta.url),
    };
    const loader = createLoader(beating, 3);
    const asked = STEPS.map((s) => loader.load(s));
    await asked[0];
    while (Atomics.load(beats, 0) < 3) await wait(2);
    asked.push(loader.load(part0));
    await loader.close();
    await Promise.allSettled(asked);
    const last = Atomics.load(beats, 0);
    await wait(30);
    expect(Atomics.load(beats, 0)).toBe(last);
    await expect(loader.load(part0)).rejects.toMatchObject({ code: 'worker_crashed' });
  });

  it('need no thread when there is little to do, and get one when there is much', async () => {
    const slow = (thread: 'auto', ms: number) => ({
      ...phraseModule(phrases(8), true),
      thread,
      create: () => ({
        rows: 8,
        feeds: () => {
          const until = performance.now() + ms;
          while (performance.now() < until);
          return {};
        },
      }),
      program: sourceProgram,
    });
    for (const [ms, ahead] of [
      [0, 0],
      [20, 2],
    ] as const)
      await using(createLoader(slow('auto', ms), 1000), async (l) => {
        for (let i = 0; i < 4; i++) await l.load([part([0])]);
        expect(l.ahead).toBe(ahead);
      });
  });
});
