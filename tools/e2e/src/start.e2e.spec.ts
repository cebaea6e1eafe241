import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@strata/devstack';
import { root, sleep } from './client.js';

interface Demo {
  model: string;
  version: number;
  before: { accuracy: number; size_bytes: number };
  after: { accuracy: number; size_bytes: number };
  predictions: { input: unknown; truth: string; prediction: { label: string } }[];
  curl: string;
}

/** `npm start` and `npm run demo` as a newcomer calls them, built already. */
describe('start and demo', () => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'strata-start-'));
  const env: Record<string, string> = { STRATA_DATA_DIR: dataDir, STRATA_LANG: 'en', STRATA_NO_BUILD: '1' };
  const strata = ['apps/cli/bin/strata.mjs'];
  let url: string;
  let child: ChildProcess | undefined;
  let demo: Demo;

  const environment = (): NodeJS.ProcessEnv => {
    const { npm_lifecycle_event: _, DATABASE_URL: _d, REDIS_URL: _r, ...inherited } = process.env;
    return { ...inherited, ...env };
  };
  const cli = (...args: string[]) =>
    spawnSync(process.execPath, [...strata, ...args, '--url', url, '--key-file', path.join(dataDir, 'admin-key')], {
      cwd: root,
      encoding: 'utf8',
      env: environment(),
    });
  const start = async (): Promise<string> => {
    let text = '';
    child = spawn(process.execPath, ['scripts/run.mjs', 'start'], {
      cwd: root,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const s of [child.stdout, child.stderr]) s?.setEncoding('utf8').on('data', (d: string) => (text += d));
    for (const end = Date.now() + 60_000; !text.includes('Strata is ready'); await sleep(50))
      if (child.exitCode !== null || Date.now() > end) throw new Error(`it did not start:\n${text}`);
    return text;
  };
  /** Processes that belong to this data folder, by their environment. */
  const left = (): string[] =>
    fs.readdirSync('/proc').flatMap((pid) => {
      try {
        const mine = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`STRATA_DATA_DIR=${dataDir}`);
        if (!/^\d+$/.test(pid) || !mine || Number(pid) === process.pid) return [];
        return [`${pid} ${fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`];
      } catch {
        return []; // ended meanwhile
      }
    });
  const ended = async (): Promise<string[]> => {
    for (const end = Date.now() + 40_000; left().length && Date.now() < end;) await sleep(200);
    return left();
  };

  beforeAll(async () => {
    for (const name of ['', '_CONTROL', '_CATALOG', '_INFERENCE', '_POSTGRES'])
      env[`STRATA${name}_PORT`] = String(await freePort());
    url = `http://127.0.0.1:${env.STRATA_PORT}`;
    expect(await start()).toMatch(/API key +sk-strata-/);
  }, 90_000);
  afterAll(async () => {
    child?.kill('SIGTERM');
    expect(await ended()).toEqual([]);
    fs.rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  it('goes from a file to a deployed model: held-out accuracy of 90 % at least, int8 half a point off at most', () => {
    const r = cli('demo', '--json');
    expect({ status: r.status, stderr: r.status ? r.stderr : '' }).toEqual({ status: 0, stderr: '' });
    demo = JSON.parse(r.stdout) as Demo;
    expect(demo.before.accuracy).toBeGreaterThanOrEqual(0.9);
    expect(demo.after.accuracy).toBeGreaterThanOrEqual(demo.before.accuracy - 0.005);
    expect(demo.after.size_bytes).toBeLessThan(demo.before.size_bytes);
  }, 150_000);

  it('gives a curl line that works when it is pasted', () => {
    const r = spawnSync('sh', ['-c', demo.curl], { encoding: 'utf8' });
    const [first] = (JSON.parse(r.stdout) as { predictions: { label: string }[] }).predictions;
    expect(first?.label).toBe(demo.predictions[0]?.prediction.label);
  });

  it('finds everything again after the launcher was killed, and nothing of it had stayed behind', async () => {
    child?.kill('SIGKILL');
    expect(await ended()).toEqual([]);
    expect(await start()).toContain('in ' + path.join(dataDir, 'admin-key'));
    // the deployment outlives everything: its model is loaded again when somebody asks
    let answer = cli('predict', demo.model, JSON.stringify(demo.predictions[0]?.input), '--json');
    for (const end = Date.now() + 20_000; answer.status !== 0 && Date.now() < end;) {
      await sleep(500);
      answer = cli('predict', demo.model, JSON.stringify(demo.predictions[0]?.input), '--json');
    }
    const body = JSON.parse(answer.stdout) as { version: number; predictions: { label: string }[] };
    expect(body.version).toBe(demo.version);
    expect(body.predictions[0]?.label).toBe(demo.predictions[0]?.prediction.label);
    const jobs = JSON.parse(cli('jobs', '--state', 'succeeded', '--json').stdout) as { data: unknown[] };
    expect(jobs.data).toHaveLength(6);
  }, 150_000);
});
