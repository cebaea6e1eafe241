import { describe, expect, it } from '@jest/globals';
import { groupCommit } from './group-commit.js';

const turn = (): Promise<void> => new Promise((r) => setTimeout(r, 5));
const refused = Object.assign(new Error('check violation'), { code: '23514' });
const lost = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

describe('group commit', () => {
  it('gathers what arrives while a transaction is under way', async () => {
    const batches: number[][] = [];
    let open: (() => void)[] = [];
    const group = groupCommit<number, string>({
      most: 3,
      flying: 1,
      async run(items) {
        batches.push([...items]);
        await new Promise<void>((r) => open.push(r));
        return items.map((i) => `r${i}`);
      },
    });
    const first = group.add(0);
    await turn();
    const rest = [1, 2, 3, 4].map((i) => group.add(i));
    await turn();
    expect(batches).toEqual([[0]]);
    while (batches.length < 3 || open.length) {
      for (const o of open.splice(0)) o();
      await turn();
    }
    open = [];
    expect(batches).toEqual([[0], [1, 2, 3], [4]]);
    expect(await Promise.all([first, ...rest])).toEqual(['r0', 'r1', 'r2', 'r3', 'r4']);
  });

  it('keeps a refused item from taking the others with it', async () => {
    const group = groupCommit<number, number>({
      most: 10,
      flying: 2,
      run: (items) => (items.includes(13) ? Promise.reject(refused) : Promise.resolve(items.map((i) => i * 2))),
    });
    const results = await Promise.allSettled([1, 13, 3].map((i) => group.add(i)));
    expect(results.map((r) => (r.status === 'fulfilled' ? r.value : 'refused'))).toEqual([2, 'refused', 6]);
  });

  it('does not knock on a lost database for each item', async () => {
    let runs = 0;
    const group = groupCommit<number, number>({
      most: 10,
      flying: 2,
      run() {
        runs++;
        return Promise.reject(lost);
      },
    });
    const results = await Promise.allSettled([1, 2, 3].map((i) => group.add(i)));
    expect(results.every((r) => r.status === 'rejected')).toBe(true);
    expect(runs).toBe(1);
  });
});
