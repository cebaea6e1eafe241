// Debian's redis-server for tests and benchmarks; Strata itself never starts a Redis.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { LauncherError } from './errors.mjs';
import { guard } from './guard.mjs';
import { accepts, freePort } from './ports.mjs';

const command = () => process.env.REDIS_SERVER ?? 'redis-server';

export function redisAvailable() {
  return spawnSync(command(), ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * @param {import('./index.d.mts').RedisOptions} [options]
 * @returns {Promise<import('./index.d.mts').Redis>}
 */
export async function startRedis({ port, dataDir, durable = false } = {}) {
  if (!redisAvailable())
    throw new LauncherError('unavailable', `${command()} is not installed (Debian: apt-get install redis-server)`);
  port ??= await freePort();
  const dir = dataDir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'strata-redis-'));
  fs.mkdirSync(dir, { recursive: true });
  const fsync = durable === true ? 'always' : durable;
  const persist = fsync ? ['--appendonly', 'yes', '--appendfsync', fsync] : ['--appendonly', 'no'];
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...persist];
  const child = spawn(command(), [...args, '--maxmemory-policy', 'noeviction'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const dismiss = guard(child.pid, { signal: 'TERM', delay: 0 });
  let output = '';
  for (const s of [child.stdout, child.stderr]) s.on('data', (d) => (output = (output + d).slice(-4000)));
  let exited = false;
  const exit = new Promise((r) =>
    child.once('exit', (code, signal) => {
      exited = true;
      dismiss();
      if (!dataDir) fs.rmSync(dir, { recursive: true, force: true });
      r({ code, signal });
    }),
  );
  while (!(await accepts(port))) {
    if (exited) throw new LauncherError('unavailable', `redis-server did not start:\n${output}`);
    await new Promise((r) => setTimeout(r, 20));
  }
  const kill = async (signal = 'SIGKILL') => {
    child.kill(signal);
    await exit;
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    exit,
    stop: async () => {
      if (!exited) await kill('SIGTERM');
    },
    kill,
  };
}
