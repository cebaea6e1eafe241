import { spawnSync } from 'node:child_process';
import { defineRecipe, type JobContext, type RecipeDefinition } from '@strata/contracts';
import { StrataError, type RngState } from '@strata/kernel';
import { z } from 'zod';

const text = (t: string) => ({ en: t, zh: t });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Blocks the thread as a native call does: no timer fires and no message comes in. */
const block = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

function recipe<S extends z.ZodObject>(
  name: string,
  params: S,
  run: (ctx: JobContext, p: z.output<S>) => Promise<Record<string, unknown>>,
  more: Partial<RecipeDefinition<S>> = {},
): RecipeDefinition {
  return defineRecipe({
    name,
    version: 1,
    queue: 'train',
    title: text(name),
    summary: text(name),
    catalog: [],
    params,
    inputs: {},
    outputs: {},
    resumable: false,
    smoke: { params: {}, inputs: {} },
    run: () => Promise.resolve({ run }),
    ...more,
  }) as unknown as RecipeDefinition;
}

const CRASHES = {
  /** Outside of the recipe's promise: nobody can catch it. */
  exception: () => void setTimeout(() => (undefined as unknown as { x: () => void }).x(), 5),
  exit: () => process.exit(7),
  abort: () => process.abort(),
  segv: () => process.kill(process.pid, 'SIGSEGV'),
  kill: () => process.kill(process.pid, 'SIGKILL'),
};

const dieOf = recipe(
  'test/die',
  z.strictObject({
    of: z.enum(['exception', 'exit', 'abort', 'segv', 'kill']).default('exit').describe('how'),
    /** The attempt that is spared. */
    spare: z.number().default(0).describe('which attempt lives'),
  }),
  async (ctx, p) => {
    if (ctx.attempt === p.spare) return { lived: ctx.attempt };
    process.stderr.write('the last words\n');
    CRASHES[p.of]();
    await pause(10_000);
    return {};
  },
);

const memory = recipe(
  'test/memory',
  z.strictObject({ kind: z.enum(['native', 'heap']).default('native').describe('where') }),
  async (_ctx, p) => {
    const held: unknown[] = [];
    for (;;) {
      held.push(p.kind === 'native' ? Buffer.alloc(16 << 20, 1) : Array.from({ length: 1 << 20 }, (_, i) => ({ i })));
      if (p.kind === 'native') await pause(5);
    }
  },
);

const blocked = recipe(
  'test/blocked',
  z.strictObject({ ms: z.number().default(60_000).describe('time') }),
  async (ctx, p) => {
    ctx.log.info({}, 'blocking now');
    await pause(150);
    block(p.ms);
    return { blocked: p.ms };
  },
);

interface State extends Record<string, unknown> {
  sum: number;
  rng: RngState;
}

/** Adds seeded random numbers to a sum and to a vector: any step that is lost, repeated or done out of order changes the result. */
const count = recipe(
  'test/count',
  z.strictObject({
    steps: z.number().default(20).describe('steps'),
    step_ms: z.number().default(5).describe('time of one'),
    save_every: z.number().default(1).describe('steps between two checkpoints'),
  }),
  async (ctx, p) => {
    ctx.log.info({ pid: process.pid }, 'counting');
    const saved = await ctx.checkpoint.load();
    const state = saved?.state as State | undefined;
    let step = saved?.step ?? 0;
    let sum = state?.sum ?? 0;
    const vector = saved
      ? new Float64Array(saved.tensors['vector']?.buffer ?? new ArrayBuffer(0))
      : new Float64Array(1000);
    if (state) ctx.rng.setState(state.rng);
    const whole = () => ({
      step,
      state: { sum, rng: ctx.rng.getState() } satisfies State,
      tensors: { vector: new Uint8Array(vector.buffer.slice(0)), empty: new Uint8Array(0) },
    });
    for (; step < p.steps;) {
      await pause(p.step_ms);
      const x = ctx.rng.next();
      sum = sum * 0.9 + x;
      vector[step % vector.length] = (vector[step % vector.length] ?? 0) + x;
      step += 1;
      ctx.metrics(step, { sum });
      ctx.progress({ step, total: p.steps });
      if (step % p.save_every === 0) await ctx.checkpoint.save(whole());
      await ctx.step(whole);
    }
    await ctx.output.report('numbers', { sum, vector: [...vector] });
    return { sum, resumed_at: saved?.step ?? 0, pid: process.pid };
  },
  { resumable: true, outputs: { numbers: { kind: 'report', description: text('numbers') } } },
);

const light = recipe('test/light', z.strictObject({}), () => Promise.resolve({ pid: process.pid }), { light: true });

const wrong = recipe(
  'test/wrong',
  z.strictObject({ code: z.enum(['invalid_data', 'unavailable', 'none']).default('invalid_data').describe('error') }),
  (_ctx, p) =>
    Promise.reject(
      p.code === 'none'
        ? new TypeError('nobody foresaw this')
        : new StrataError(p.code, 'line 3 is broken', { where: { line: 3, column: 'age' } }),
    ),
);

/** What a child can see of the world: its environment, and its inputs as files. */
const look = recipe(
  'test/look',
  z.strictObject({}),
  async (ctx) => {
    const data = await ctx.dataset('data');
    const shown = spawnSync('wc', ['-c', data.path], { encoding: 'utf8' }).stdout.trim();
    return { env: Object.keys(process.env), bytes: Number.parseInt(shown, 10), threads: ctx.threads, seed: ctx.seed };
  },
  { inputs: { data: { kind: 'dataset', optional: true, description: text('data') } } },
);

const chatty = recipe('test/chatty', z.strictObject({ n: z.number().default(5_000).describe('events') }), (ctx, p) => {
  for (let i = 1; i <= p.n; i++) {
    ctx.metrics(i, { loss: 1 / i });
    ctx.progress({ step: i, total: p.n });
    ctx.log.info({ i }, 'line');
  }
  ctx.metrics(p.n + 1, { loss: Number.NaN });
  return Promise.resolve({ n: p.n });
});

export const testRecipes: readonly RecipeDefinition[] = [dieOf, memory, blocked, count, light, wrong, look, chatty];
