import { describe, expect, it } from '@jest/globals';
import { verify } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { maskedExport, maskedScores } from './masked-lm.model.js';
import { maskStreams, sequences } from './masked-lm.run.js';
import { maskTokens } from './masking.js';

const options = { count: 15, mask: 4, first: 5, vocabSize: 1005 };
const tokens = Int32Array.from({ length: 100 }, (_, i) => 5 + i);

describe('masking', () => {
  it('hides the same number of places in each sequence: 80 % masked, 10 % random, 10 % kept', () => {
    const seen = new Set<number>();
    let masked = 0;
    let kept = 0;
    let wrong = 0;
    const draws = 2000;
    for (let i = 0; i < draws; i++) {
      const { ids, places, labels } = maskTokens(tokens, undefined, createRng(1).fork(`${i}`), options);
      const hidden = new Set(places);
      if (hidden.size !== 15 || places.length !== 15) wrong++;
      places.forEach((at, k) => {
        seen.add(at);
        if (labels[k] !== tokens[at]) wrong++;
        if (ids[at] === 4) masked++;
        else if (ids[at] === tokens[at]) kept++;
        else if ((ids[at] ?? 0) < 5) wrong++;
      });
      tokens.forEach((id, at) => {
        if (!hidden.has(at) && ids[at] !== id) wrong++;
      });
    }
    expect(wrong).toBe(0);
    const n = 15 * draws;
    expect(masked / n).toBeCloseTo(0.8, 1.5);
    // a random token is the true one in 1 of 1000 cases
    expect(kept / n).toBeCloseTo(0.1, 1.5);
    expect(seen.size).toBe(100);
  });

  it('hides whole words', () => {
    const begins = Uint8Array.from(tokens, (_, i) => (i % 3 === 0 ? 1 : 0));
    for (let i = 0; i < 50; i++) {
      const { places } = maskTokens(tokens, begins, createRng(i), options);
      const words = new Map<number, number>();
      for (const at of places) words.set(Math.floor(at / 3), (words.get(Math.floor(at / 3)) ?? 0) + 1);
      // all but the last word are complete; the one at the end of the text has a single token
      expect([...words].filter(([w, n]) => n < 3 && w < 33).length).toBeLessThanOrEqual(1);
    }
  });
});

describe('masked-lm', () => {
  it.each([
    ['static', true],
    ['dynamic', false],
  ] as const)('hides with %s masking the same places in each epoch: %s', (masking, same) => {
    const text = { ids: tokens, begins: new Uint8Array(tokens.length) };
    const streams = maskStreams(createRng(2), masking);
    const shape = { block_size: 50, whole_word_mask: false };
    const data = sequences(text, 2, shape, options, streams);
    const places = (epoch: number) =>
      data.feeds(Int32Array.of(0, 1), { epoch, step: 0, micro: 0 })['masked_positions']?.data;
    expect(places(0)).toEqual(places(0));
    if (same) expect(places(1)).toEqual(places(0));
    else expect(places(1)).not.toEqual(places(0));
  });

  it('serves ids and a mask of any length, and scores sequence by sequence', () => {
    const config = { vocab_size: 11, block_size: 8, n_layer: 1, n_head: 2, n_embd: 8 };
    expect(verify(maskedExport(config)).outputs).toEqual([{ name: 'logits', dtype: 'float32', shape: ['N', 'L', 11] }]);
    expect(verify(maskedScores(config, 2)).outputs[0]?.shape.at(-1)).toBe(2);
  });
});
