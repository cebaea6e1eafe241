// npm run bench -- queue [--quick] [--json]: what the gateway costs over its queue, both measured in the same run. README.md says what is measured how.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { redisAvailable, startRedis, startStack } from '@strata/devstack';
import { apiClient } from './client.mjs';
import { committedInsert, rawQueue } from './raw.mjs';
import { closedLoop, median, oneByOne, percentile } from './measure.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const flags = new Set(process.argv.slice(2));
for (const f of flags)
  if (!['--quick', '--json'].includes(f)) {
    console.error(`unknown option ${f}\nusage: npm run bench -- queue [--quick] [--json]`);
    process.exit(2);
  }
const quick = flags.has('--quick');
const CLIENTS = 16;
const SECONDS = quick ? 2.5 : 10;
const SAMPLES = quick ? 200 : 1500;
const EMPTY_JOBS = quick ? 40 : 400;
/** Just-in-time compilation and connections are not what is measured. */
const WARM_UP_S = quick ? 1.2 : 4;

/** The queue that `diagnostics/ping` goes to, and the worker that takes it. */
const QUEUE = 'strata-train';
const WORKER = 'trainer';
const JOB = { recipe: 'diagnostics/ping' };

const say = (line) => console.error(line);

/** Everything about one backend; services, database and Redis are started for it and stopped after it. */
async function measure(backend) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), `strata-bench-${backend}-`));
  fs.chmodSync(dir, 0o755); // the database's account must reach its folder
  const parts = [];
  try {
    const redis =
      backend === 'redis' ? await startRedis({ dataDir: path.join(dir, 'redis'), durable: 'everysec' }) : undefined;
    if (redis) parts.push(redis);
    const stack = await startStack({
      root,
      dataDir: dir,
      durable: true,
      out: 'ignore',
      backend,
      redisUrl: redis?.url,
      services: ['catalog', 'gateway', WORKER],
      env: { LOG_LEVEL: 'warn', RATE_LIMIT_PER_S: '0' },
    });
    parts.push(stack);
    const key = stack.infos.find((i) => i.service === 'gateway').admin_key;
    const api = apiClient(stack.url, key, CLIENTS);
    const raw = await rawQueue(redis ? { url: redis.url } : { connectionString: stack.databaseUrl });
    const insert = await committedInsert(stack.databaseUrl);
    parts.push({ stop: () => Promise.all([api.close(), raw.close(), insert.close()]) });

    // what raw BullMQ carries is what the gateway puts into the queue
    await raw.pause(QUEUE);
    const first = await api.submit(JOB);
    const payload = await raw.payloadOf(QUEUE, first.id);
    await raw.resume(QUEUE);

    say(`${backend}: empty jobs, from request to result`);
    await api.finished(first.id);
    await oneByOne(10, () => api.run(JOB));
    const emptyJob = await oneByOne(EMPTY_JOBS, () => api.run(JOB));
    const emptyRaw = await raw.emptyJobs(EMPTY_JOBS, payload);

    // from here on nothing is taken from the queue: adding alone is measured
    await raw.pause(QUEUE);
    say(`${backend}: one client`);
    const warmUp = () => closedLoop(CLIENTS, WARM_UP_S, () => api.submit(JOB));
    await warmUp();
    await oneByOne(50, () => raw.add(payload));
    // in turns, so that what else the machine does falls on all three alike
    const one = { post: [], add: [], insert: [] };
    for (let i = 0; i < 10; i++) {
      one.post.push(...(await oneByOne(SAMPLES / 10, () => api.submit(JOB))));
      one.add.push(...(await oneByOne(SAMPLES / 10, () => raw.add(payload))));
      one.insert.push(...(await oneByOne(SAMPLES / 10, () => insert.one(payload))));
    }

    say(`${backend}: ${CLIENTS} clients`);
    await closedLoop(CLIENTS, WARM_UP_S, () => raw.add(payload));
    const rawMany = await closedLoop(CLIENTS, SECONDS, () => raw.add(payload));
    const many = await closedLoop(CLIENTS, SECONDS, () => api.submit(JOB));
    return { one, many, rawMany, emptyJob, emptyRaw };
  } finally {
    for (const p of parts.reverse()) await p.stop();
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

const ms = (x) => `${x.toFixed(2)} ms`;
const rate = (x) => `${Math.round(x)}/s`;
const added = (r) => median(r.one.post) - median(r.one.add) - median(r.one.insert);

function table(results) {
  const rows = [
    ['POST /api/jobs, 16 clients', (r) => rate(r.many.perSecond)],
    ['  p50 / p99', (r) => `${ms(median(r.many.ms))} / ${ms(percentile(r.many.ms, 0.99))}`],
    ['raw queue.add, 16 at once', (r) => rate(r.rawMany.perSecond)],
    ['  POST as a share of it', (r) => (r.many.perSecond / r.rawMany.perSecond).toFixed(3)],
    ['POST /api/jobs, one client, p50', (r) => ms(median(r.one.post))],
    ['raw queue.add, one at a time, p50', (r) => ms(median(r.one.add))],
    ['one committed INSERT, p50', (r) => ms(median(r.one.insert))],
    ['added by the gateway', (r) => ms(added(r))],
    ['empty job through Strata, p50 / p99', (r) => `${ms(median(r.emptyJob))} / ${ms(percentile(r.emptyJob, 0.99))}`],
    ['empty job through raw BullMQ, p50', (r) => ms(median(r.emptyRaw))],
  ];
  const names = Object.keys(results);
  const cells = [['', ...names], ...rows.map(([title, f]) => [title, ...names.map((n) => f(results[n]))])];
  const widths = cells[0].map((_, c) => Math.max(...cells.map((r) => r[c].length)));
  return cells
    .map((r) => r.map((cell, c) => (c ? cell.padStart(widths[c]) : cell.padEnd(widths[c]))).join('   '))
    .join('\n');
}

const backends = ['postgres', ...(redisAvailable() ? ['redis'] : [])];
if (!redisAvailable())
  say(
    'Redis is not measured: redis-server is not installed (Debian: apt-get install redis-server). Its figures are null.',
  );
const results = {};
for (const b of backends) results[b] = await measure(b);
const { postgres, redis } = results;
const round = (x, digits) => Number(x.toFixed(digits));
const figures = {
  gateway_added_ms: round(Math.max(...Object.values(results).map(added)), 3),
  redis_jobs_per_s: redis ? Math.round(redis.many.perSecond) : null,
  postgres_jobs_per_s: Math.round(postgres.many.perSecond),
  redis_vs_raw: redis ? round(redis.many.perSecond / redis.rawMany.perSecond, 4) : null,
  postgres_vs_raw: round(postgres.many.perSecond / postgres.rawMany.perSecond, 4),
  empty_job_p50_ms: round(median(postgres.emptyJob), 3),
  redis_empty_job_p50_ms: redis ? round(median(redis.emptyJob), 3) : null,
  raw_empty_job_p50_ms: round(median(postgres.emptyRaw), 3),
};
console.log(table(results));
if (flags.has('--json')) console.log(JSON.stringify(figures));
process.exit(0);
