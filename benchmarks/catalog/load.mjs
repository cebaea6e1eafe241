// The clients of the benchmark, in a process of their own: what it is told over IPC it does, and answers with the times.
import { catalog } from '@strata/contracts/grpc';
import { createGrpcClient } from '@strata/service-kit';
import pg from 'pg';
import { connect } from './frames.mjs';

const service = catalog.CatalogServiceService;
/** What is asked for an input, and what is wrong or lacking in an answer to it. */
const METHODS = {
  get: {
    name: 'getNode',
    request: (slug, { tenant = '' }) => ({ slug, tenant }),
    empty(node, slug) {
      if (!node.slug) throw new Error(`no answer for ${slug}`);
      return false;
    },
  },
  search: {
    name: 'search',
    request: (query, { mode, limit, tenant = '' }) => ({ query, filter: undefined, limit, offset: 0, mode, tenant }),
    empty(found, _query, { mode }) {
      if (found.mode !== mode) throw new Error(`searched by "${found.mode}" in the place of "${mode}"`);
      return found.total === 0;
    },
  },
};

/** Connections that are open, by what they are for. */
const open = new Map();
function once(key, make) {
  if (!open.has(key)) open.set(key, make());
  return open.get(key);
}

/** What the clients of one run are: `prepare` what they send, before the clock runs, and `call`, which says whether the answer was empty. */
const CLIENTS = {
  /** Frames made before, no library, and answers that are read where they are to be checked. */
  frames({ what, address, token, check, ...rest }) {
    const { name, request, empty } = METHODS[what];
    const { path, requestSerialize, responseDeserialize } = service[name];
    const connection = once(`frames ${address} ${path}`, () => connect({ address, path, token }));
    return {
      prepare: (input) => ({ input, bytes: connection.prepare(requestSerialize(request(input, rest))) }),
      async call({ input, bytes }) {
        const message = await connection.call(bytes, check);
        return check && empty(responseDeserialize(message), input, rest);
      },
    };
  },

  /** As the gateway calls: one channel of grpc-js, every answer read. */
  async grpc({ what, address, token, ...rest }) {
    const { name, request, empty } = METHODS[what];
    const { call } = await once(`grpc ${address}`, () =>
      createGrpcClient(service, { address, token, name: 'the catalog' }),
    );
    return {
      prepare: (input) => input,
      call: async (input) => empty(await call[name](request(input, rest), { requestId: 'req_bench' }), input, rest),
    };
  },

  /** A pool of the usual driver, prepared statements, every document read. */
  postgres({ connectionString, concurrency }) {
    const pool = once('postgres', () => {
      const made = new pg.Pool({ connectionString, max: concurrency });
      made.on('error', (e) => console.error(e.message));
      return made;
    });
    return {
      prepare: (slug) => ({ name: 'read', text: 'SELECT body FROM bench.entry WHERE slug = $1', values: [slug] }),
      async call(query) {
        const { rows } = await pool.query(query);
        if (!rows[0]?.body.slug) throw new Error(`no row for ${query.values}`);
        return false;
      },
    };
  },
};

/** `concurrency` clients, each of which calls again as soon as it was answered, until all inputs are taken. */
async function closedLoop(inputs, concurrency, { prepare, call }) {
  const prepared = inputs.map(prepare);
  const ms = new Float64Array(inputs.length);
  let next = 0;
  let empty = 0;
  const before = process.cpuUsage();
  const started = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < inputs.length) {
        const at = next++;
        const t = performance.now();
        if (await call(prepared[at])) empty++;
        ms[at] = performance.now() - t;
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const cpu = process.cpuUsage(before);
  return { ms: [...ms], seconds, empty, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
}

process.on('message', ({ id, clients, inputs, ...rest }) => {
  const work = async () => closedLoop(inputs, rest.concurrency, await CLIENTS[clients](rest));
  work().then(
    (done) => process.send({ id, done }),
    (e) => process.send({ id, error: e instanceof Error ? e.stack : String(e) }),
  );
});
process.once('disconnect', () => process.exit(0));
process.send({ type: 'ready' });
