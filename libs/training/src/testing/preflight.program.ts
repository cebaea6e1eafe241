import { createRng } from '@strata/kernel';
import { measureMemory } from '@strata/runtime';
import { sgd } from '../optimizer.js';
import { preflight } from '../preflight.js';
import { buildTrainStep } from '../step.js';
import { createTrainer, initialWeights } from '../trainer.js';
import { feeds, network } from './preflight-network.js';

// Memory of one large step, estimated and measured, in a process of its own: elsewhere what earlier work has freed would serve again and not be seen.
const rows = 8192;
const step = buildTrainStep(network, { optimizer: sgd() });
const batch = feeds(rows);
const { memory } = preflight({ step, feeds: batch, rows });
const { before, peak } = await measureMemory(async () => {
  const trainer = await createTrainer(step, initialWeights(step, createRng(1)), { threads: 1 });
  await trainer.step(batch, 1, 0.1);
  await trainer.release();
});
// the batch was there before, and no checkpoint was made
console.log(JSON.stringify({ estimated: memory.total - memory.batch - memory.checkpoint, measured: peak - before }));
