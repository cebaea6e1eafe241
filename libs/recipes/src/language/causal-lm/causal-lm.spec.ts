import { describe, expect, it } from '@jest/globals';
import { createRng } from '@strata/kernel';
import { verify } from '@strata/graph';
import { causalCosts, causalExport } from './causal-lm.model.js';
import { draw } from './causal-lm.run.js';

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
