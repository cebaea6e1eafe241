// The processes of the benchmark: each started as it is in production, each stopped with it.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startService } from '@strata/devstack';
import pg from 'pg';

export const TOKEN = 'the token of the catalog benchmark';
const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const program = (name) => fileURLToPath(new URL(name, import.meta.url));

async function started(name, options) {
  const service = startService(name, { root, out: 'ignore', ...options });
  const info = await service.ready.catch(async (e) => {
    await service.stop();
    throw e;
  });
  return { info, service, stop: () => service.stop() };
}

const settings = (more) => ({
  NODE_ENV: 'production',
  SERVICE_TOKEN: TOKEN,
  GRPC_PORT: '0',
  HTTP_PORT: '0',
  CONTENT_DIR: '',
  EVIDENCE_DIR: '',
  LOG_PRETTY: 'false',
  ...more,
});

/** apps/catalog as `npm start` runs it. */
export const startCatalog = ({ databaseUrl, dataDir, semantic }) =>
  started('catalog', {
    env: settings({ DATABASE_URL: databaseUrl, DATA_DIR: dataDir, CATALOG_SEMANTIC: semantic ? 'on' : 'off' }),
  });

/** The same over a map of so many entries; its name is the catalog's, and so are the flags that Node gets. */
export async function startLarge(entries, heapMb) {
  const part = await started('catalog', {
    entry: program('large.mjs'),
    execArgv: [`--max-old-space-size=${heapMb}`],
    env: settings({ DATABASE_URL: '', BENCH_ENTRIES: String(entries) }),
  });
  const { child } = part.service;
  const memory = () =>
    new Promise((resolve, reject) => {
      const listen = (m) => {
        if (m.type !== 'memory') return;
        child.off('message', listen);
        resolve(m);
      };
      child.on('message', listen);
      child.send({ type: 'memory' }, (e) => e && reject(e));
    });
  return { ...part, memory };
}

/** A gRPC server that answers with these bytes. */
export const startRaw = (bytes) =>
  started('raw', { entry: program('raw.mjs'), env: { BENCH_ANSWER: Buffer.from(bytes).toString('base64') } });

/** The clients. `run` resolves with the time of each call. */
export async function startLoad(concurrency) {
  const { service, stop } = await started('load', { entry: program('load.mjs'), out: 'inherit' });
  const waiting = new Map();
  let ids = 0;
  service.child.on('message', ({ id, done, error }) => {
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (error) waiter?.reject(new Error(error));
    else waiter?.resolve(done);
  });
  void service.exit.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the clients ended'));
  });
  const run = (what) =>
    new Promise((resolve, reject) => {
      waiting.set(++ids, { resolve, reject });
      service.child.send({ id: ids, concurrency, ...what });
    });
  return { run, stop };
}

/** The same entries as rows: slug and document. */
export async function fillTable(connectionString, nodes) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query('CREATE SCHEMA bench');
    await client.query('CREATE TABLE bench.entry (slug text PRIMARY KEY, body jsonb NOT NULL)');
    for (const n of nodes) await client.query('INSERT INTO bench.entry VALUES ($1, $2)', [n.slug, JSON.stringify(n)]);
    await client.query('VACUUM ANALYZE bench.entry');
  } finally {
    await client.end();
  }
}

/** Seconds of processor time that a process has used; undefined where the system does not tell. */
export function cpuSecondsOf(pid) {
  try {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    // utime and stime, in hundredths (proc(5), sysconf(_SC_CLK_TCK) of every Linux that Node runs on)
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}
