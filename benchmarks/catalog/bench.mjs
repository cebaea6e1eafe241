// npm run bench -- catalog [--quick] [--json]: what a look-up and a search of the catalog cost. README.md says what is measured how.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { catalog } from '@strata/contracts/grpc';
import { startPostgres } from '@strata/devstack';
import { readContent } from '@strata/map';
import { createGrpcClient } from '@strata/service-kit';
import { median, percentile } from '../queue/measure.mjs';
import { cpuSecondsOf, fillTable, startCatalog, startLarge, startLoad, startRaw, TOKEN } from './parts.mjs';
import { drawQueries, drawSlugs } from './queries.mjs';

const { values: flags } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const { quick } = flags;
const CLIENTS = 16;
/** Hits in an answer: what the gateway asks for where nobody says otherwise. */
const LIMIT = 20;
/** Everything takes turns, so that what else the machine does falls on all alike. */
const ROUNDS = quick ? 4 : 8;
const GETS = quick ? 5_000 : 6_000;
/** Of what a get is compared with. */
const PEERS = quick ? 2_000 : 6_000;
/** About as long as the gets: over less, one pause of the machine is a percentile. */
const SEARCHES = quick ? 1_000 : 3_000;
/** Just-in-time compilation and connections are not what is measured. */
const WARM_UP = quick ? 2_000 : 6_000;
const LARGE = quick ? 50_000 : 1_000_000;
const LARGE_NAME = quick ? '50k' : '1m';
const LARGE_ROUNDS = 5;
const LARGE_SEARCHES = quick ? 300 : 1_200;
const LARGE_GETS = quick ? 800 : 2_000;
const LARGE_HEAP_MB = quick ? 4_000 : 16_000;
const MEANING_S = 180;

const say = (line) => console.error(line);
const parts = [];
const keep = (part) => (parts.push(part), part);

/** Rounds of one kind of call, joined, with what its checked calls before the clock ran found empty. */
const joined = (runs, checked) => {
  const ms = runs.flatMap((r) => r.ms);
  const sum = (f) => runs.reduce((a, r) => a + f(r), 0);
  const seconds = sum((r) => r.seconds);
  return {
    calls: ms.length,
    p50: median(ms),
    p99: percentile(ms, 0.99),
    perSecond: ms.length / seconds,
    empty: checked.empty,
    checked: checked.ms.length,
    clientUs: (1e6 * sum((r) => r.cpuSeconds)) / ms.length,
    serverUs: (1e6 * sum((r) => r.serverSeconds)) / ms.length,
  };
};

async function everyNode(client) {
  const nodes = [];
  for (let after = '', more = true; more;) {
    const page = await client.call.listNodes({ filter: undefined, after, limit: 500, tenant: '' });
    nodes.push(...page.nodes);
    [after, more] = [page.next, page.hasMore];
  }
  return nodes;
}

/** True once the service has its model of meanings. */
async function meaningOf(client) {
  const until = performance.now() + MEANING_S * 1000;
  while (performance.now() < until) {
    if ((await client.call.stats({ tenant: '' })).semantic) return true;
    await sleep(500);
  }
  return false;
}

/** The map as it is: gets, searches, raw gRPC and PostgreSQL in turns. */
async function measureMap(dir, entries, load) {
  const database = keep(await startPostgres({ dataDir: path.join(dir, 'postgres') }));
  const service = keep(
    await startCatalog({ databaseUrl: database.url, dataDir: path.join(dir, 'catalog'), semantic: !quick }),
  );
  const address = service.info.grpc;
  const client = await createGrpcClient(catalog.CatalogServiceService, { address, token: TOKEN, name: 'the catalog' });
  keep({ stop: () => client.close() });

  const nodes = await everyNode(client);
  await fillTable(database.url, nodes);
  // the entry whose message is as long as most are
  const messages = nodes.map((n) => catalog.Node.encode(n).finish()).sort((a, b) => a.length - b.length);
  const bytes = messages.reduce((a, m) => a + m.length, 0) / messages.length;
  const raw = keep(await startRaw(messages.find((m) => m.length >= bytes)));
  if (!quick) say('waiting for the model of meanings, which the catalog trains after its first start');
  const semantic = !quick && (await meaningOf(client));
  if (!quick && !semantic) say('search by meaning is not measured: there is no model. Its figures are null.');

  const slugs = nodes.map((n) => n.slug);
  const serving = { address, token: TOKEN, pid: service.service.pid };
  const searching = { ...serving, what: 'search', limit: LIMIT, draw: (o) => drawQueries(entries, o), calls: SEARCHES };
  const getting = { what: 'get', draw: (o) => drawSlugs(slugs, o), calls: GETS };
  const kinds = {
    get: { clients: 'frames', ...serving, ...getting },
    raw: { clients: 'frames', address: raw.info.grpc, token: TOKEN, pid: raw.service.pid, ...getting, calls: PEERS },
    getNode: { clients: 'grpc', ...serving, ...getting, calls: PEERS },
    postgres: { clients: 'postgres', connectionString: database.url, ...getting, calls: PEERS },
    search: { clients: 'frames', ...searching, mode: 'plain' },
    searchNode: { clients: 'grpc', ...searching, mode: 'plain', calls: SEARCHES / 2 },
    ...(semantic ? { both: { clients: 'frames', ...searching, mode: 'both' } } : {}),
  };
  const runs = await inTurns(kinds, load);
  return { ...runs, entries: slugs.length, bytes };
}

async function inTurns(kinds, load, rounds = ROUNDS) {
  const runs = Object.fromEntries(Object.keys(kinds).map((k) => [k, []]));
  const checked = {};
  const once = async ({ draw, calls, pid, ...what }, options) => {
    const inputs = draw({ count: calls, ...options });
    const before = cpuSecondsOf(pid);
    const run = await load[what.clients].run({ ...what, inputs });
    return { ...run, serverSeconds: cpuSecondsOf(pid) - before };
  };
  for (const [name, kind] of Object.entries(kinds)) {
    say(`warming up: ${name}`);
    checked[name] = await once({ ...kind, calls: Math.min(WARM_UP, 6 * kind.calls), check: true }, { seed: 99 });
  }
  // code that was compiled for one kind alone is thrown away when the next one comes
  say('warming up: in turns');
  for (const kind of Object.values(kinds)) await once(kind, { seed: 98 });
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}`);
    for (const [name, kind] of Object.entries(kinds)) runs[name].push(await once(kind, { seed: 1000 + round }));
  }
  return Object.fromEntries(Object.entries(runs).map(([k, r]) => [k, joined(r, checked[k])]));
}

/** The map multiplied. */
async function measureLarge(entries, load) {
  say(`making a map of ${LARGE} entries`);
  const service = keep(await startLarge(LARGE, LARGE_HEAP_MB));
  const serving = { address: service.info.grpc, token: TOKEN, pid: service.service.pid };
  const copies = Math.ceil(LARGE / entries.length);
  const whole = Math.floor(LARGE / entries.length);
  const slugs = entries.flatMap((e) => Array.from({ length: whole }, (_, i) => (i ? `${e.slug}-x${i}` : e.slug)));
  const runs = await inTurns(
    {
      search: {
        clients: 'frames',
        what: 'search',
        ...serving,
        mode: 'plain',
        limit: LIMIT,
        draw: (o) => drawQueries(entries, { ...o, copies: Math.min(copies, whole) }),
        calls: LARGE_SEARCHES,
      },
      get: { clients: 'frames', what: 'get', ...serving, draw: (o) => drawSlugs(slugs, o), calls: LARGE_GETS },
    },
    load,
    LARGE_ROUNDS,
  );
  return { ...runs, memory: await service.memory(), build: service.info };
}

const round = (x, digits = 2) => (x === undefined ? null : Number(x.toFixed(digits)));
const ms = (x) => `${x.toFixed(2)} ms`;
const rate = (x) => `${Math.round(x)}/s`;
const us = (x) => (Number.isFinite(x) ? `${Math.round(x)} µs` : '');

function table(rows) {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((r) => r[c].length)));
  return rows
    .map((r) => r.map((cell, c) => (c ? cell.padStart(widths[c]) : cell.padEnd(widths[c]))).join('   '))
    .join('\n');
}

const line = (title, r) => [
  title,
  String(r.calls),
  ms(r.p50),
  ms(r.p99),
  rate(r.perSecond),
  us(r.serverUs),
  us(r.clientUs),
];

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'strata-bench-catalog-'));
fs.chmodSync(dir, 0o755); // the database's account must reach its folder
const began = performance.now();
const busy = os.loadavg()[0];
try {
  const { entries: placed } = await readContent(new URL('../../apps/catalog/content', import.meta.url).pathname);
  const entries = placed.map((p) => p.entry);
  // what one kind of clients leaves behind in memory is not cleaned up while another is measured
  const load = {};
  for (const clients of ['frames', 'grpc', 'postgres']) load[clients] = keep(await startLoad(CLIENTS));
  const shared = parts.length;
  const map = await measureMap(dir, entries, load);
  // the large map has the machine for itself
  for (const p of parts.splice(shared).reverse()) await p.stop();
  const large = await measureLarge(entries, load);

  console.log(`${os.cpus()[0]?.model.trim()}, ${os.availableParallelism()} cores, Node ${process.version}`);
  console.log(
    `${CLIENTS} clients over one HTTP/2 connection; they and what they ask share the cores, which had a load of ${busy.toFixed(2)} before`,
  );
  console.log(
    `${map.entries} entries of ${Math.round(map.bytes)} bytes; searches answer with ${LIMIT} entries; processor time is per call\n`,
  );
  console.log(
    table([
      ['', 'calls', 'p50', 'p99', 'rate', 'service', 'clients'],
      line('get', map.get),
      line('raw gRPC, the same bytes', map.raw),
      line("get, the gateway's client", map.getNode),
      line('PostgreSQL by primary key', map.postgres),
      line('search by words', map.search),
      line("search, the gateway's client", map.searchNode),
      ...(map.both ? [line('search by words and meaning', map.both)] : []),
      line(`search, ${LARGE} entries`, large.search),
      line(`get, ${LARGE} entries`, large.get),
    ]),
  );
  const mb = (x) => Math.round(x / 2 ** 20);
  console.log(
    `\n${LARGE} entries, ${large.build.edges} edges: ready after ${large.build.build_s.toFixed(1)} s (${large.build.assemble_s.toFixed(1)} s of it the graph), ${mb(large.memory.rss)} MiB resident, ${mb(large.memory.peak)} MiB at most, ${mb(large.memory.heapUsed)} MiB of objects, ${mb(large.memory.arrayBuffers)} MiB of arrays`,
  );
  console.log(
    `searches without a hit: ${map.search.empty} of ${map.search.checked}, ${large.search.empty} of ${large.search.checked}`,
  );
  say(`took ${Math.round((performance.now() - began) / 1000)} s`);
  const figures = {
    search_p99_ms: round(map.search.p99),
    search_p50_ms: round(map.search.p50),
    searches_per_s: Math.round(map.search.perSecond),
    search_both_p99_ms: round(map.both?.p99),
    search_both_p50_ms: round(map.both?.p50),
    get_p99_ms: round(map.get.p99),
    get_p50_ms: round(map.get.p50),
    gets_per_s: Math.round(map.get.perSecond),
    gets_vs_postgres: round(map.getNode.perSecond / map.postgres.perSecond, 3),
    gets_vs_raw_grpc: round(map.get.perSecond / map.raw.perSecond, 3),
    raw_grpc_per_s: Math.round(map.raw.perSecond),
    get_p99_ms_node_client: round(map.getNode.p99),
    search_p99_ms_node_client: round(map.searchNode.p99),
    postgres_reads_per_s: Math.round(map.postgres.perSecond),
    [`search_p99_ms_${LARGE_NAME}`]: round(large.search.p99),
    [`search_p50_ms_${LARGE_NAME}`]: round(large.search.p50),
    [`get_p99_ms_${LARGE_NAME}`]: round(large.get.p99),
    [`memory_mb_${LARGE_NAME}`]: mb(large.memory.rss),
    [`memory_peak_mb_${LARGE_NAME}`]: mb(large.memory.peak),
    [`build_s_${LARGE_NAME}`]: round(large.build.build_s, 1),
  };
  if (flags.json) console.log(JSON.stringify(figures));
} finally {
  for (const p of parts.reverse()) await p.stop();
  fs.rmSync(dir, { recursive: true, force: true });
}
process.exit(0);
