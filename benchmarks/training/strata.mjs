// A training step of one model by Strata, driven line by line over standard input and output: the counterpart of peer.py.
import { readFileSync } from 'node:fs';
import readline from 'node:readline';
import { createRng } from '@strata/kernel';
import { createTrainer, initialWeights } from '@strata/training';
import { modelOf } from './models.mjs';

let trainer;
let feeds;
let t = 0;
const LEARNING_RATE = 1e-3;

async function open({ model, threads, device }) {
  const began = performance.now();
  const made = modelOf(model);
  feeds = made.feeds;
  // the benchmark owns its cores, as a job on a machine of its own does
  trainer = await createTrainer(made.step, initialWeights(made.step, createRng(1)), { threads, device, spin: true });
  const build = performance.now() - began;
  const loss = await trainer.step(feeds, ++t, LEARNING_RATE);
  return { build_ms: build, open_ms: performance.now() - began, loss };
}

async function steps(n) {
  const ms = [];
  let loss;
  for (let i = 0; i < n; i++) {
    const began = performance.now();
    loss = await trainer.step(feeds, ++t, LEARNING_RATE);
    ms.push(performance.now() - began);
  }
  return { ms, loss };
}

/** Most memory that this process ever held, as the kernel counts it. */
const peakBytes = () => 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

for await (const line of readline.createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  const answer =
    ask.do === 'open'
      ? await open(ask)
      : ask.do === 'steps'
        ? await steps(ask.n)
        : ask.do === 'profile'
          ? { product_ms: NaN }
          : { peak_bytes: peakBytes() };
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
