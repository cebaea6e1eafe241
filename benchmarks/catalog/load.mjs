// The clients of the benchmark, in a process of their own: what it is told over IPC it does, and answers with the times.
import { catalog } from '@strata/contracts/grpc';
import { createGrpcClient } from '@strata/service-kit';
import pg from 'pg';

const clients = new Map();
const open = async (address, token) => {
  if (!clients.has(address))
    clients.set(
      address,
      await createGrpcClient(catalog.CatalogServiceService, { address, token, name: 'the catalog' }),
    );
  return clients.get(address);
};

let pool;
const READ = 'SELECT body FROM bench.entry WHERE slug = $1';
const openPool = (connectionString, max) => {
  if (!pool) {
    pool = new pg.Pool({ connectionString, max });
    pool.on('error', (e) => console.error(e.message));
  }
  return pool;
};

/** What one call of each kind is. */
const CALLS = {
  async get({ address, token, tenant = '' }) {
    const { call } = await open(address, token);
    return async (slug) => {
      const node = await call.getNode({ slug, tenant }, { requestId: 'req_bench' });
      if (!node.slug) throw new Error(`no answer for ${slug}`);
    };
  },
  async search({ address, token, tenant = '', mode, limit }) {
    const { call } = await open(address, token);
    return async (query) => {
      const request = { query, filter: undefined, limit, offset: 0, mode, tenant };
      const found = await call.search(request, { requestId: 'req_bench' });
      if (found.mode !== mode) throw new Error(`searched by "${found.mode}" in the place of "${mode}"`);
      return found.total > 0 ? 0 : 1;
    };
  },
  async postgres({ connectionString, concurrency }) {
    const db = openPool(connectionString, concurrency);
    return async (slug) => {
      const { rows } = await db.query({ name: 'read', text: READ, values: [slug] });
      if (!rows[0]?.body.slug) throw new Error(`no row for ${slug}`);
    };
  },
};

/** `concurrency` clients, each of which calls again as soon as it was answered, until all inputs are taken. */
async function closedLoop(inputs, concurrency, call) {
  const ms = new Array(inputs.length);
  let next = 0;
  let empty = 0;
  const before = process.cpuUsage();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < inputs.length) {
        const at = next++;
        const t = performance.now();
        empty += (await call(inputs[at])) ?? 0;
        ms[at] = performance.now() - t;
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const cpu = process.cpuUsage(before);
  return { ms, seconds, empty, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
}

process.on('message', ({ id, kind, inputs, concurrency, ...rest }) => {
  const work = async () => closedLoop(inputs, concurrency, await CALLS[kind]({ concurrency, ...rest }));
  work().then(
    (done) => process.send({ id, done }),
    (e) => process.send({ id, error: e instanceof Error ? e.stack : String(e) }),
  );
});
process.once('disconnect', () => process.exit(0));
process.send({ type: 'ready' });
