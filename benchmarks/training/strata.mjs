// A training step of one model by Strata, driven line by line over standard input and output: the counterpart of peer.py.
import { readFileSync } from 'node:fs';
import readline from 'node:readline';
import { createRng } from '@strata/kernel';
import { profileGraph, profileTable } from '@strata/runtime';
import { createTrainer, initialWeights } from '@strata/training';
import { modelOf } from './models.mjs';

// the benchmark owns its cores, as a job on a machine of its own does
const spin = true;
const LEARNING_RATE = 1e-3;
let made;
let trainer;
let options;
let t = 0;

async function open({ model, threads, device }) {
  const began = performance.now();
  options = { threads, device, spin };
  made = modelOf(model);
  trainer = await createTrainer(made.step, initialWeights(made.step, createRng(1)), options);
  const build = performance.now() - began;
  const loss = await trainer.step(made.feeds, ++t, LEARNING_RATE);
  return { build_ms: build, open_ms: performance.now() - began, loss };
}

async function steps(n) {
  const ms = [];
  let loss;
  for (let i = 0; i < n; i++) {
    const began = performance.now();
    loss = await trainer.step(made.feeds, ++t, LEARNING_RATE);
    ms.push(performance.now() - began);
  }
  return { ms, loss };
}

/** Milliseconds that the matrix products and convolutions of one step take in the runtime, by its own profiler. */
async function profile() {
  const feeds = { ...trainer.weights(), ...made.feeds };
  const p = await profileGraph(made.step.graph, (session) => session.run(feeds), { ...options, runs: 5 });
  return { product_ms: p.productShare * p.runMs, table: profileTable(p) };
}

/** Most memory that this process ever held, as the kernel counts it. */
const peakBytes = () => 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

const DO = {
  open,
  steps: ({ n }) => steps(n),
  profile,
  memory: () => ({ peak_bytes: peakBytes() }),
};
for await (const line of readline.createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await DO[ask.do](ask))}\n`);
}
