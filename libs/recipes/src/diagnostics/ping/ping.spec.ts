import { rm } from 'node:fs/promises';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { RecipeDefinition } from '@strata/contracts';
import { localFolder, runLocally } from '../../testing/local-context.js';
import recipe from './ping.recipe.js';

const ping = recipe as RecipeDefinition;
let dir: string;
const dirs: string[] = [];
beforeEach(async () => {
  dirs.push((dir = await localFolder()));
});
afterAll(async () => {
  for (const d of dirs) await rm(d, { recursive: true, force: true });
});

describe('diagnostics/ping', () => {
  it('answers', async () => {
    const { result, outputs } = await runLocally(ping, { echo: '你好' }, { dir });
    expect(result).toMatchObject({ echo: '你好', steps: 0, attempt: 1 });
    expect(outputs.size).toBe(0);
  });
  it('a long wait ends at once when the job is cancelled', async () => {
    const controller = new AbortController();
    const run = runLocally(ping, { sleep_ms: 3_600_000 }, { dir, signal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    await expect(run).rejects.toMatchObject({ code: 'job_cancelled' });
  });
  it('fails once when asked to, and the second attempt goes on from the checkpoint to the same sum', async () => {
    const whole = await runLocally(ping, { steps: 10 }, { dir, seed: 5 });
    dirs.push((dir = await localFolder()));
    const job = { dir, seed: 5, checkpointEvery: 2 };
    await expect(runLocally(ping, { steps: 10, fail_at: 6 }, job)).rejects.toMatchObject({
      code: 'worker_crashed',
      retryable: true,
    });
    const again = await runLocally(ping, { steps: 10, fail_at: 6 }, { ...job, attempt: 2 });
    expect(again.steps).toBe(6);
    expect(again.result['sum']).toBe(whole.result['sum']);
  });
});
