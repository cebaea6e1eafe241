// The search alone, in this process: what its index costs and what a query costs, and the same by MiniSearch, which it replaced.
//   node_modules/.bin/node --expose-gc --max-old-space-size=16000 --conditions @strata/source --import ./tools/ts-register.mjs benchmarks/catalog/search.mjs ENTRIES [--peer]
// Times are those of the processor, so that other programs do not count. A queue of sixteen is what one of sixteen clients waits for when one core answers them.
import { readFileSync } from 'node:fs';
import { createRng } from '@strata/kernel';
import { readContent } from '@strata/map';
import MiniSearch from 'minisearch';
import { multiplied } from './multiply.mjs';
import { assemble } from '../../apps/catalog/src/map/assemble.ts';
import { createSearchGently } from '../../apps/catalog/src/search/search.ts';
import { stem } from '../../apps/catalog/src/search/stems.ts';
import { pieces } from '../../apps/catalog/src/search/tokens.ts';

const [entries, ...flags] = process.argv.slice(2);
const count = Number(entries);
if (!Number.isInteger(count) || count < 1 || flags.some((f) => f !== '--peer')) {
  console.error('usage: search.mjs ENTRIES [--peer]');
  process.exit(2);
}
const peer = flags.includes('--peer');
const CLIENTS = 16;
const ROUNDS = peer ? 1 : 3;
const source = new URL('../../apps/catalog/', import.meta.url);
const fixture = (name) => JSON.parse(readFileSync(new URL(`src/search/${name}.fixture.json`, source), 'utf8'));
const { en, zh } = fixture('questions');
const asked = [...en, ...zh].map((q) => q.query);
/** A peer takes seconds for each where the map is large. */
const queries = peer ? asked : [...asked, ...fixture('facts').flatMap((f) => [f.en, f.zh])];

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const megabytes = () => {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1e6;
};
const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const round = (n) => Number(n.toPrecision(3));

/** As the catalog had it, without bodies, and with the words of today. */
function miniSearch(nodes) {
  const terms = (text) =>
    pieces(text).flatMap((p) =>
      p.han ? [...p.text].flatMap((c, i, all) => (i ? [c, all[i - 1] + c] : [c])) : [stem(p.text)],
    );
  const index = new MiniSearch({
    fields: ['name', 'aliases', 'slug', 'summary'],
    tokenize: terms,
    processTerm: (t) => t,
  });
  for (const n of nodes)
    index.add({
      id: n.slug,
      name: `${n.name.en} ${n.name.zh}`,
      aliases: [...n.aliases.en, ...n.aliases.zh].join(' '),
      slug: n.slug,
      summary: `${n.summary.en} ${n.summary.zh}`,
    });
  const latin = (term) => /^[a-z]/.test(term);
  const options = {
    boost: { name: 4, aliases: 3, slug: 2 },
    prefix: (term) => latin(term) && term.length > 1,
    fuzzy: (term) => (latin(term) && term.length > 3 ? 0.25 : false),
  };
  return (query) => index.search(query, options);
}

const content = await readContent(new URL('content', source).pathname);
const written = content.entries.map((p) => p.entry);
const { nodes } = assemble(multiplied(written, count), []);
const before = megabytes();
const began = cpu();
const search = peer ? miniSearch(nodes) : await createSearchGently(nodes);
const built = cpu() - began;
const held = megabytes() - before;

const first = peer ? queries.slice(0, 3) : queries;
for (const query of first) search(query);
const times = [];
for (let round = 0; round < ROUNDS; round++)
  for (const query of queries) {
    const start = cpu();
    search(query);
    times.push(cpu() - start);
  }
const rng = createRng(1);
const lines = Array.from({ length: 20_000 }, () => {
  let sum = 0;
  for (let i = 0; i < CLIENTS; i++) sum += times[Math.floor(rng.next() * times.length)];
  return sum;
});
times.sort((a, b) => a - b);
lines.sort((a, b) => a - b);
console.log(
  JSON.stringify({
    index: peer ? 'MiniSearch' : 'own',
    entries: nodes.length,
    build_cpu_s: round(built / 1000),
    index_mb: Math.round(held),
    peak_rss_mb: Math.round(process.resourceUsage().maxRSS / 1000),
    query_cpu_ms: { p50: round(at(times, 0.5)), p99: round(at(times, 0.99)), most: round(times.at(-1)) },
    queue_of_sixteen_ms: { p50: round(at(lines, 0.5)), p99: round(at(lines, 0.99)) },
  }),
);
