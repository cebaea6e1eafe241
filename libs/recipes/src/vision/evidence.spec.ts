import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle } from '@strata/contracts';
import { evidence, figure } from '../testing/evidence.js';
import { recordEvidence } from '../testing/evidence-file.js';
import { localDataset } from '../testing/local-context.js';
import { digitArchive, mnist } from '../testing/mnist.js';

// The README has the figures of a training with all pictures; this one has a tenth of them and its own bar.
const { present, file, folder, step, end } = evidence('pictures of MNIST');

(present ? describe : describe.skip)('pictures', () => {
  afterAll(end);

  const archive = async (part: 'train' | 't10k', rows: number): Promise<DatasetHandle> => {
    const to = path.join(await folder(), `${part}.zip`);
    await writeFile(to, digitArchive(mnist(file('mnist'), part).slice(0, rows)));
    return localDataset(to);
  };

  it('mnist: 6,000 pictures teach enough to tell 96 % of the 10,000 test pictures right', async () => {
    const { result } = await step(
      'vision/image-classifier',
      { epochs: 3, batch_size: 64 },
      { train: await archive('train', 6000), test: await archive('t10k', 10_000) },
    );
    console.log(`vision/image-classifier: ${JSON.stringify(result)}`);
    await recordEvidence('vision/image-classifier', 'mnist, 6,000 pictures', result, () => {
      expect(figure(result, 'test_accuracy')).toBeGreaterThanOrEqual(0.96);
    });
  }, 300_000);
});
