import { afterAll, describe, expect, it } from '@jest/globals';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import net from 'node:net';
import pg from 'pg';
import { accepts, freePort, startPostgres, type Postgres } from './index.mjs';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'devstack-'));
const dataDir = path.join(dir, 'pg');
const running: Postgres[] = [];
const start = async (o: Partial<Parameters<typeof startPostgres>[0]> = {}): Promise<Postgres> => {
  const p = await startPostgres({ dataDir, durable: false, password: 'a b/c', ...o });
  running.push(p);
  return p;
};
async function query(p: Postgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: p.url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end();
  }
}

afterAll(async () => {
  for (const p of running) await p.stop();
  fs.rmSync(dir, { recursive: true, force: true });
});

describe('startPostgres', () => {
  it('keeps what was written, through a stop and through a SIGKILL of the server', async () => {
    const first = await start({ durable: true });
    await query(first, 'create table t (n int)');
    await query(first, 'insert into t values (1)');
    await first.stop();
    expect(await accepts(first.port)).toBe(false);

    const second = await start({ durable: true });
    await query(second, 'insert into t values (2)');
    await second.kill('SIGKILL');

    const third = await start({ durable: true });
    expect(await query(third, 'select n from t order by n')).toEqual([{ n: 1 }, { n: 2 }]);
    await third.stop();
  }, 60_000);

  it('takes over a server that still owns the folder', async () => {
    const first = await start();
    const lines: string[] = [];
    const second = await start({ log: (l) => lines.push(l) });
    expect(lines.some((l) => l.includes(`left over from a crash (process ${first.pid})`))).toBe(true);
    expect(await query(second, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(await first.exit).toMatchObject({ code: 0 });
    await second.stop();
  }, 60_000);

  it('does not signal a stranger whose process id stands in a stale postmaster.pid', async () => {
    fs.writeFileSync(path.join(dataDir, 'postmaster.pid'), `${process.pid}\n`);
    const p = await start();
    expect(await query(p, 'select 1 as one')).toEqual([{ one: 1 }]);
    await p.stop();
  }, 60_000);

  it('wants the password', async () => {
    const p = await start();
    await expect(query({ ...p, url: p.url.replace('a%20b%2Fc', 'wrong') }, 'select 1')).rejects.toThrow(/password/);
    await p.stop();
  }, 60_000);

  it('says which port is taken', async () => {
    const port = await freePort();
    const server = net.createServer().listen(port, '127.0.0.1');
    try {
      await expect(start({ port })).rejects.toMatchObject({ code: 'port_in_use' });
    } finally {
      await new Promise((r) => server.close(r));
    }
  });
});
