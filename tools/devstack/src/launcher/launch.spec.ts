import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '../index.mjs';

// the packaged Node: what npm scripts run on
const script = path.resolve(import.meta.dirname, '../testing/launch-fake.mjs');

interface Launched {
  child: ChildProcess;
  output(): string;
  until(pattern: RegExp): Promise<void>;
  exit: Promise<number | null>;
}

let dir: string;
let dataDir: string;
let env: Record<string, string>;
let launched: Launched[];

beforeEach(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'strata-launch-'));
  dataDir = path.join(dir, 'data');
  launched = [];
  env = { STRATA_DATA_DIR: dataDir, STRATA_LANG: 'en' };
  for (const name of ['', '_CONTROL', '_CATALOG', '_INFERENCE', '_POSTGRES'])
    env[`STRATA${name}_PORT`] = String(await freePort());
});
afterEach(async () => {
  for (const l of launched) {
    if (l.child.exitCode === null && l.child.signalCode === null) l.child.kill('SIGTERM');
    await l.exit;
  }
  await nothingLeft();
  fs.rmSync(dir, { recursive: true, force: true });
}, 30_000);

function start(more: Record<string, string> = {}): Launched {
  const { npm_lifecycle_event: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [script], {
    env: { ...inherited, DATABASE_URL: '', REDIS_URL: '', ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const s of [child.stdout, child.stderr]) s?.setEncoding('utf8').on('data', (d: string) => (text += d));
  const exit = new Promise<number | null>((r) => child.once('close', (code) => r(code)));
  const l: Launched = {
    child,
    output: () => text,
    exit,
    async until(pattern) {
      for (const end = Date.now() + 30_000; !pattern.test(text);) {
        if (child.exitCode !== null || Date.now() > end) throw new Error(`no ${String(pattern)} in:\n${text}`);
        await new Promise((r) => setTimeout(r, 20));
      }
    },
  };
  launched.push(l);
  return l;
}

/** Command lines of all processes that belong to this data folder. */
function processes(): string[] {
  return fs
    .readdirSync('/proc')
    .filter((p) => /^\d+$/.test(p) && Number(p) !== process.pid)
    .flatMap((p) => {
      try {
        const command = fs.readFileSync(`/proc/${p}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const environ = fs.readFileSync(`/proc/${p}/environ`, 'utf8');
        return command.includes(dataDir) || environ.includes(`STRATA_DATA_DIR=${dataDir}`) ? [`${p} ${command}`] : [];
      } catch {
        return []; // ended meanwhile
      }
    });
}

async function nothingLeft(): Promise<void> {
  for (const end = Date.now() + 20_000; processes().length && Date.now() < end;)
    await new Promise((r) => setTimeout(r, 100));
  expect(processes()).toEqual([]);
}

describe('npm start', () => {
  it('starts everything, shows the key once, and leaves nothing behind after SIGTERM', async () => {
    const l = start();
    await l.until(/Strata is ready/);
    for (const name of ['catalog', 'gateway', 'trainer', 'inference', 'compression'])
      expect(l.output()).toMatch(new RegExp(`\\d\\d:\\d\\d:\\d\\d ${name} +\\| ${name} says hello`));
    expect(l.output()).toContain('API key        sk-strata-fake');
    expect(l.output()).toContain(`API reference  http://127.0.0.1:${env.STRATA_PORT}/api/docs`);
    for (const secret of ['service-token', 'postgres-password'])
      expect(fs.statSync(path.join(dataDir, secret)).mode & 0o777).toBe(0o600);
    l.child.kill('SIGTERM');
    expect(await l.exit).toBe(0);
    await nothingLeft();
    expect(fs.existsSync(path.join(dataDir, 'strata.lock'))).toBe(false);

    const again = start();
    await again.until(/Strata is ready/);
    expect(again.output()).not.toContain('sk-strata-fake');
    expect(again.output()).not.toContain('first start');
  }, 60_000);

  it('leaves no process behind when it is killed by SIGKILL, and the next start takes over at once', async () => {
    const first = start();
    await first.until(/Strata is ready/);
    const had = processes().length;
    expect(had).toBeGreaterThanOrEqual(7); // launcher, five services, PostgreSQL
    first.child.kill('SIGKILL');
    await first.exit;
    await nothingLeft();

    const second = start();
    await second.until(/Strata is ready/);
    second.child.kill('SIGKILL');
    await second.exit;
    const third = start(); // while PostgreSQL of the second is still there
    await third.until(/Strata is ready/);
    expect(third.output()).toContain('ended without a farewell');
  }, 90_000);

  it('says which port is taken, by which part, and which setting changes it', async () => {
    for (const [setting, part] of [
      ['STRATA_PORT', 'the HTTP interface'],
      ['STRATA_POSTGRES_PORT', 'PostgreSQL'],
    ] as const) {
      const server = net.createServer().listen(Number(env[setting]), '127.0.0.1');
      try {
        const l = start();
        expect(await l.exit).toBe(1);
        expect(l.output()).toContain(`[port_in_use]: port ${env[setting]}, which ${part} needs, is taken`);
        expect(l.output()).toContain(`set ${setting} to a free port`);
      } finally {
        await new Promise((r) => server.close(r));
      }
    }
  }, 60_000);

  it('says that the data folder cannot be written, in the language of the environment', async () => {
    fs.writeFileSync(dataDir, 'a file where the folder should be');
    const l = start({ STRATA_LANG: 'zh_CN.UTF-8' });
    expect(await l.exit).toBe(1);
    expect(l.output()).toContain(`[not_writable]: 数据目录 ${dataDir} 不可写（EEXIST）`);
  });

  it('refuses a second start on the same folder and names the first', async () => {
    const first = start();
    await first.until(/Strata is ready/);
    const second = start();
    expect(await second.exit).toBe(1);
    expect(second.output()).toContain(
      `[conflict]: another Strata (process ${first.child.pid}) already runs on ${dataDir}`,
    );
    expect(second.output()).toContain(`http://127.0.0.1:${env.STRATA_PORT}`);
  }, 60_000);

  it('names a setting that is not a port', async () => {
    const l = start({ STRATA_CATALOG_PORT: 'many' });
    expect(await l.exit).toBe(1);
    expect(l.output()).toContain('[invalid_configuration]: STRATA_CATALOG_PORT is "many"');
  });

  it('starts a service that crashed again, and gives up when it goes on crashing', async () => {
    const l = start();
    await l.until(/Strata is ready/);
    const pid = Number(await (await fetch(`http://127.0.0.1:${env.STRATA_CATALOG_PORT}`)).text());
    process.kill(pid, 'SIGKILL');
    await l.until(/catalog +\| error {2}ended unexpectedly \(SIGKILL\); starting it again in 0.5 s/);
    await l.until(/catalog +\| is back/);
    const now = Number(await (await fetch(`http://127.0.0.1:${env.STRATA_CATALOG_PORT}`)).text());
    expect(now).not.toBe(pid);
    l.child.kill('SIGTERM');
    expect(await l.exit).toBe(0);

    const doomed = start({ FAKE_CRASH: 'trainer' });
    expect(await doomed.exit).toBe(1);
    expect(doomed.output()).toContain('trainer crashed 5 times within a minute: giving up');
  }, 90_000);
});
