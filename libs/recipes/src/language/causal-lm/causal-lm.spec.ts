import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { createRng } from '@strata/kernel';
import { verify } from '@strata/graph';
import { causalCosts, causalExport } from './causal-lm.model.js';
import recipe from './causal-lm.recipe.js';
import { draw } from './causal-lm.run.js';
import { localDataset, localFolder, runLocally } from '../../testing/local-context.js';

const config = { vocab_size: 11, block_size: 8, n_layer: 1, n_head: 2, n_embd: 8 };

describe('causal-lm', () => {
  it('serves ids of any length and gives logits for each token', () => {
    const graph = verify(causalExport(config));
    expect(graph.inputs.find((i) => i.name === 'input_ids')).toEqual({
      name: 'input_ids',
      dtype: 'int64',
      shape: ['N', 'L'],
    });
    expect(graph.outputs).toEqual([{ name: 'logits', dtype: 'float32', shape: ['N', 'L', 11] }]);
    expect(verify(causalCosts(config)).outputs).toEqual([{ name: 'cost', dtype: 'float32', shape: ['N'] }]);
  });

  it('draws by the softmax of the logits', () => {
    const logits = Float32Array.of(Math.log(1), Math.log(2), Math.log(5));
    const rng = createRng(7);
    const counts = [0, 0, 0];
    for (let i = 0; i < 8000; i++) {
      const drawn = draw(logits, 1, rng);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    // 1/8, 2/8, 5/8 of 8000, each within four standard deviations
    [1000, 2000, 5000].forEach((n, i) => expect(Math.abs((counts[i] ?? 0) - n)).toBeLessThan(4 * Math.sqrt(n)));
    expect(draw(logits, 0, rng)).toBe(2);
    // a temperature of 1/2 squares the odds: 1 to 4 to 25
    let last = 0;
    for (let i = 0; i < 8000; i++) if (draw(logits, 0.5, rng) === 2) last++;
    expect(Math.abs(last - (8000 * 25) / 30)).toBeLessThan(150);
  });
});

/** Cost of the second part of a text by counts of character pairs of the first, add-one smoothed, in nats per character. */
function bigramCost(text: string, cut: number): number {
  const pairs = new Map<string, number>();
  const first = new Map<string, number>();
  const add = (m: Map<string, number>, key: string): unknown => m.set(key, (m.get(key) ?? 0) + 1);
  for (let i = 0; i + 1 < cut; i++) {
    add(pairs, text.slice(i, i + 2));
    add(first, text.charAt(i));
  }
  let cost = 0;
  for (let i = cut; i + 1 < text.length; i++)
    cost -= Math.log(((pairs.get(text.slice(i, i + 2)) ?? 0) + 1) / ((first.get(text.charAt(i)) ?? 0) + first.size));
  return cost / (text.length - cut - 1);
}

describe('on tiny-shakespeare', () => {
  const file = new URL(
    'tiny-shakespeare/input.txt',
    `file://${process.env['STRATA_DATA'] ?? new URL('../../../../../../shared/data', import.meta.url).pathname}/`,
  ).pathname;
  const have = existsSync(file);
  if (!have) console.warn(`skipped: no ${file}; set STRATA_DATA to the folder of data sets`);
  (have ? it : it.skip)(
    'learns more in 250 steps than pairs of characters tell',
    async () => {
      const dir = await localFolder();
      const params = { position: 'rotary', max_steps: 250, eval_interval: 250, sample_tokens: 0 };
      const inputs = { data: await localDataset(file, { format: 'text' }) };
      const { result } = await runLocally(recipe, params, { dir, inputs, checkpointEvery: 1_000_000 });
      await rm(dir, { recursive: true });
      const text = await readFile(file, 'utf8');
      const pairs = bigramCost(text, Math.round(0.9 * text.length));
      expect(pairs).toBeGreaterThan(2.4);
      expect(result['valid_loss']).toBeLessThan(pairs - 0.1);
    },
    180_000,
  );
});
