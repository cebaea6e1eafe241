// Trains the model of meanings beside the service, which must go on answering, and writes it to a file.
import { createRng, silentLogger } from '@strata/kernel';
import { learnEmbedding } from '@strata/recipes/text-embedding';
import { writeMeaning } from './file.js';
import { hasMeaning, vectorsOf } from './meaning.js';
import { pairsOf } from './pairs.js';
import { paramsFor, SEED, type TrainAnswer, type TrainTask } from './train.js';

async function train({ file, nodes }: TrainTask): Promise<TrainAnswer> {
  const all = pairsOf(nodes);
  const { encoder, pairs } = await learnEmbedding(
    {
      log: silentLogger,
      progress: () => undefined,
      metrics: () => undefined,
      // it is short: an interrupted training begins anew at the next start
      checkpoint: { due: () => false, save: () => Promise.resolve(), load: () => Promise.resolve(undefined) },
      step: () => Promise.resolve(),
      threads: 1,
      device: { kind: 'cpu', name: 'cpu', threads: 1, features: [] },
      rng: createRng(SEED),
    },
    paramsFor(all.length),
    all,
  );
  const meant = nodes.filter(hasMeaning);
  await writeMeaning(file, { encoder, slugs: meant.map((n) => n.slug), vectors: vectorsOf(meant, encoder) });
  return { pairs };
}

// nobody waits for what is trained any longer
process.once('disconnect', () => process.exit());
process.once('message', (task) => {
  train(task as TrainTask).then(
    (answer) => process.send?.(answer, () => process.disconnect()),
    (e: unknown) => process.send?.({ error: String(e) } satisfies TrainAnswer, () => process.disconnect()),
  );
});
