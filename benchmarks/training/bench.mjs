// npm run bench -- training [--quick] [--json] [--device webgpu|cuda] [--only NAMES]: a training step of Strata beside the same step of PyTorch. README.md says what is measured how.
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findTorch, startPeer, startStrata } from './drivers.mjs';

const MODELS = {
  gpt: 'GPT, 4 × 256 wide, 16 × 128 tokens, Adam',
  bert: 'BERT-like, 4 × 256 wide, 16 × 128 tokens, Adam',
  mlp: 'MLP 784-1024-1024-10, batch 128, Adam',
  lstm: 'LSTM 128 → 256, 64 steps, batch 32, Adam',
  cnn: 'residual CNN 32-64-128, 32 × 32 images, batch 64, Adam',
  char: 'character GPT, 4 × 128 wide, 12 × 64 tokens, AdamW',
};
const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: String(Math.min(2, os.availableParallelism())) },
    only: { type: 'string' },
  },
});
const quick = flags.quick;
const threads = Number(flags.threads);
const wanted = flags.only?.split(',') ?? Object.keys(MODELS);
const unknown = wanted.find((m) => !MODELS[m]);
if (unknown || !['cpu', 'webgpu', 'cuda'].includes(flags.device) || !(threads >= 1)) {
  console.error(
    `usage: npm run bench -- training [--quick] [--json] [--device cpu|webgpu|cuda] [--threads N] [--only ${Object.keys(MODELS).join(',')}]`,
  );
  process.exit(2);
}
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const ROUNDS = quick ? 4 : 15;
/** A round should last long enough for a clock and short enough that both sides see the same machine. */
const ROUND_MS = quick ? 250 : 700;

const say = (line) => console.error(line);
const median = (xs) => {
  const s = [...xs].sort((a, b) => a - b);
  return (s[(s.length - 1) >> 1] + s[s.length >> 1]) / 2;
};

/** One model: Strata and its peers take turns; ratios are of the medians of one round. */
async function measure(model, torch) {
  say(`${model}: ${MODELS[model]}`);
  const setup = { model, threads, device: flags.device };
  const sides = { strata: await startStrata(root, setup) };
  const opened = { strata: sides.strata.opened };
  try {
    if (torch)
      for (const mode of quick ? ['eager'] : ['eager', 'compile']) {
        const peer = await startPeer(torch, { ...setup, mode, device: flags.device === 'cpu' ? 'cpu' : 'cuda' }).catch(
          (e) => void say(`  PyTorch ${mode} is not measured: ${e.message}`),
        );
        if (peer) {
          sides[mode] = peer;
          opened[mode] = peer.opened;
        }
      }
    const ms = Object.fromEntries(Object.keys(sides).map((s) => [s, []]));
    const ratios = Object.fromEntries(Object.keys(sides).map((s) => [s, []]));
    // the first steps warm caches and allocators up, and say how many make a round
    const count = {};
    for (const [name, side] of Object.entries(sides)) {
      await side.steps(2);
      const { ms: first } = await side.steps(3);
      count[name] = Math.max(1, Math.round(ROUND_MS / median(first)));
    }
    for (let r = 0; r < ROUNDS; r++) {
      const round = {};
      for (const [name, side] of Object.entries(sides)) {
        // threads of the one before may still spin
        await sleep(30);
        round[name] = median((await side.steps(count[name])).ms);
        ms[name].push(round[name]);
      }
      for (const name of Object.keys(sides)) ratios[name].push(round.strata / round[name]);
    }
    const memory = {};
    for (const [name, side] of Object.entries(sides)) memory[name] = (await side.ask({ do: 'memory' })).peak_bytes;
    const { product_ms: products } = await sides.strata.ask({ do: 'profile' });
    const of = (table, f) => Object.fromEntries(Object.entries(table).map(([k, v]) => [k, f(v)]));
    return {
      ms: of(ms, median),
      ratio: of(ratios, median),
      memory,
      opened,
      share: products / median(ms.strata),
      tokens: sides.strata.tokens,
    };
  } finally {
    for (const side of Object.values(sides)) side.stop();
  }
}

const torch = await findTorch();
say(
  torch
    ? `peer: PyTorch ${torch.version} (${torch.python}), ${threads} threads each`
    : 'PyTorch is not measured: no python3 with torch was found (pip install torch, or name one in STRATA_PYTHON). Ratios are null.',
);
const results = {};
for (const m of wanted) {
  const { ms, ratio } = (results[m] = await measure(m, torch));
  // a run that is cut off has said this much
  say(
    `  ${ms.strata.toFixed(2)} ms${torch ? `, ${(ratio.eager ?? NaN).toFixed(2)} of PyTorch eager, ${(ratio.compile ?? NaN).toFixed(2)} of torch.compile` : ''}`,
  );
}

const fixed = (x, digits, unit = '') => (x === undefined || Number.isNaN(x) ? '–' : x.toFixed(digits) + unit);
const mib = (x) => fixed(x === undefined ? undefined : x / 2 ** 20, 0, ' MiB');
const head = [
  '',
  'Strata',
  'PyTorch eager',
  'ratio',
  'torch.compile',
  'ratio',
  'products',
  'peak memory',
  'PyTorch’s',
  'build',
];
const rows = Object.entries(results).map(([m, r]) => [
  m,
  fixed(r.ms.strata, 2, ' ms'),
  fixed(r.ms.eager, 2, ' ms'),
  fixed(r.ratio.eager, 2),
  fixed(r.ms.compile, 2, ' ms'),
  fixed(r.ratio.compile, 2),
  fixed(100 * r.share, 0, ' %'),
  mib(r.memory.strata),
  mib(r.memory.eager),
  fixed(r.opened.strata.build_ms / 1000, 2, ' s'),
]);
const cells = [head, ...rows];
const widths = head.map((_, c) => Math.max(...cells.map((r) => r[c].length)));
console.log(cells.map((r) => r.map((x, c) => (c ? x.padStart(widths[c]) : x.padEnd(widths[c]))).join('  ')).join('\n'));

if (flags.json) {
  const round = (x, digits = 3) => (x === undefined || Number.isNaN(x) ? null : Number(x.toFixed(digits)));
  const key = (m) => (m === 'mlp' ? 'mlp_adam' : m);
  const figures = {};
  for (const [m, r] of Object.entries(results)) {
    figures[`${key(m)}_step_ratio`] = round(r.ratio.eager);
    figures[`${key(m)}_step_ratio_vs_compile`] = round(r.ratio.compile);
    figures[`${key(m)}_matmul_share`] = round(r.share);
    figures[`${key(m)}_step_ms`] = round(r.ms.strata, 2);
    figures[`${key(m)}_build_s`] = round(r.opened.strata.build_ms / 1000, 2);
    figures[`${key(m)}_peak_memory_ratio`] = round(r.memory.strata / r.memory.eager);
  }
  const memory = Object.values(results).map((r) => r.memory.strata / r.memory.eager);
  figures.peak_memory_ratio = round(Math.max(...memory));
  console.log(JSON.stringify(figures));
}
