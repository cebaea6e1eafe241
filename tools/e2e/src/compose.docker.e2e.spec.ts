import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { WorkerView } from '@strata/contracts';
import { freePort } from '@strata/devstack';
import { Client, root } from './client.js';

const docker = (args: string[], env: Record<string, string> = {}) =>
  spawnSync('docker', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26, env: { ...process.env, ...env } });

const available = docker(['compose', 'version']).status === 0 && docker(['info']).status === 0;
if (!available) console.log('skipped: docker compose (no Docker engine with the compose plugin answers)');

(available ? describe : describe.skip)('the compose file', () => {
  const project = `strata-e2e-${process.pid}`;
  const env: Record<string, string> = { STRATA_TAG: 'e2e', TRAINER_THREADS: '1' };
  const compose = (...args: string[]) => docker(['compose', '-p', project, ...args], env);
  let client: Client;

  beforeAll(async () => {
    const port = await freePort();
    env.STRATA_PUBLISH = `127.0.0.1:${port}`;
    const up = compose('up', '-d', '--build', '--scale', 'trainer=3', '--wait');
    if (up.status !== 0)
      throw new Error(
        `docker compose up failed:\n${up.stderr.slice(-4000)}\n${compose('logs', '--tail', '30').stdout}`,
      );
    const key = compose('exec', '-T', 'gateway', 'cat', '/var/lib/strata/admin-key').stdout.trim();
    client = new Client(`http://127.0.0.1:${port}`, key);
  }, 900_000);
  afterAll(() => {
    compose('down', '-v', '--timeout', '5');
  }, 120_000);

  it('runs three trainers, a compression and an inference worker', async () => {
    const { data } = await client.ok<{ data: WorkerView[] }>('GET', '/api/workers');
    const online = data.filter((w) => w.state === 'online').map((w) => w.queue);
    expect(online.sort()).toEqual(['compress', 'infer', 'train', 'train', 'train']);
  });

  it('runs the demo against it', () => {
    const demo = spawnSync(
      'node',
      ['apps/cli/bin/strata.mjs', 'demo', '--url', client.url, '--key', client.key, '--json'],
      {
        cwd: root,
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      },
    );
    if (demo.status !== 0)
      throw new Error(`the demo failed (${demo.status}):\n${demo.stdout.slice(-2000)}\n${demo.stderr.slice(-2000)}`);
    const line = demo.stdout.trim().split('\n').at(-1) ?? '';
    const result = JSON.parse(line) as { before: { accuracy: number }; after: { accuracy: number } };
    expect(result.before.accuracy).toBeGreaterThanOrEqual(0.9);
    expect(result.after.accuracy).toBeGreaterThanOrEqual(result.before.accuracy - 0.005);
  }, 180_000);

  it('spreads jobs over the trainers, and goes on when all of them are killed', async () => {
    const jobs = await Promise.all(
      Array.from({ length: 9 }, () =>
        client.job({ recipe: 'diagnostics/ping', params: { steps: 10, sleep_ms: 200 }, limits: { attempts: 5 } }),
      ),
    );
    const killed = compose('kill', '-s', 'SIGKILL', '--', 'trainer');
    expect(killed.status).toBe(0);
    expect(compose('up', '-d', '--scale', 'trainer=3', '--no-recreate').status).toBe(0);
    const ends = await Promise.all(jobs.map((j) => client.wait(j.id, 150)));
    expect(ends.map((j) => j.state)).toEqual(jobs.map(() => 'succeeded'));
    expect(new Set(ends.map((j) => j.worker)).size).toBeGreaterThan(1);
  }, 200_000);
});
