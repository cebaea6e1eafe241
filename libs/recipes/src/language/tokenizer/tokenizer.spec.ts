import { readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RecipeDefinition } from '@strata/contracts';
import { loadTokenizer, trainTokenizer } from '@strata/data';
import { getRecipe } from '../../index.js';
import { asInput, datasetFromText, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import { textStatistics } from './statistics.js';
import recipe from './tokenizer.recipe.js';

let dir: string;
beforeAll(async () => void (dir = await localFolder()));
afterAll(() => rm(dir, { recursive: true, force: true }));

async function learn(text: string, params: Record<string, unknown>): Promise<LocalRun> {
  const data = await datasetFromText(dir, text, 'text');
  return runLocally(recipe as RecipeDefinition, params, { dir, inputs: { data } });
}

describe('language/tokenizer', () => {
  it('counts tokens, words, bytes and what is unknown', () => {
    const tokenizer = trainTokenizer(['ab ab cd'], { type: 'char', special_tokens: ['[UNK]'] });
    // 6 characters, one of them unknown; 2 words and the Chinese character
    expect(textStatistics(tokenizer, ['ab c中'], tokenizer.tokenToId('[UNK]'))).toEqual({
      texts: 1,
      tokens: 5,
      characters: 5,
      bytes: 7,
      fertility: 5 / 3,
      characters_per_token: 1,
      bytes_per_token: 7 / 5,
      unknown_share: 1 / 5,
      // [UNK], space, a, b, c of six tokens
      vocabulary_used: 5 / 6,
      reversible_share: 0,
    });
  });

  it('bytes leave nothing unknown and every text can be had back', async () => {
    const text = Array.from({ length: 40 }, (_, i) => `line ${i}: 山高月小，水落石出 😀\n`).join('');
    const { outputs, result } = await learn(text, { vocab_size: 400 });
    const report = outputs.get('report');
    if (report?.kind !== 'report') throw new Error('no report');
    expect(report.report).toMatchObject({ unknown_share: 0, reversible_share: 1, texts_learned: 36, texts: 4 });
    expect(result).toMatchObject({ unknown_share: 0, vocab_size: expect.any(Number) });
  });

  it('makes a tokenizer that a language model takes as an input', async () => {
    const text = Array.from({ length: 80 }, (_, i) => `春眠不觉晓，处处闻啼鸟。${i % 7}\n`).join('');
    const { outputs } = await learn(text, { type: 'char' });
    const tokenizer = asInput(outputs.get('tokenizer'));
    if (!('mediaType' in tokenizer)) throw new Error('no file');
    const loaded = loadTokenizer(await readFile(tokenizer.path, 'utf8'));
    expect(loaded.tokenToId('[MASK]')).toBe(4);
    const lm = getRecipe('language/causal-lm');
    const data = await datasetFromText(dir, text, 'text');
    const { result } = await runLocally(
      lm,
      { ...lm.smoke.params, max_steps: 2 },
      { dir: `${dir}/lm`, inputs: { data, tokenizer } },
    );
    expect(result).toMatchObject({ vocab_size: loaded.vocabSize });
  });
});
