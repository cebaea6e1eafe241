import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, RecipeDefinition } from '@strata/contracts';
import { trainTokenizer } from '@strata/data';
import { createRng } from '@strata/kernel';
import { openModel } from '@strata/serving';
import { getRecipe } from '../../index.js';
import { asInput, datasetFromText, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import { encodeSentence } from './sentences.js';
import definition from './tagger.recipe.js';

const recipe = definition as RecipeDefinition;
let root = '';
let runs = 0;
beforeAll(async () => void (root = await localFolder('strata-tagger-')));
afterAll(() => rm(root, { recursive: true, force: true }));

/** "met NAME at PLACE": what a capitalised word is depends on the word before it. */
function sentences(n: number, seed: number): string {
  const rng = createRng(seed);
  const names = ['Lee', 'Ann Kim', 'Jordan', 'Paris Hill', 'Georgia'];
  const one = (): string => {
    const entity = (type: string): string =>
      (names[rng.int(5)] ?? '')
        .split(' ')
        .map((w, k) => `${w}\t${k ? 'I' : 'B'}-${type}\n`)
        .join('');
    return `we\tO\nmet\tO\n${entity('person')}${rng.next() < 0.5 ? 'again\tO\n' : ''}in\tO\n${entity('place')}.\tO\n\n`;
  };
  return Array.from({ length: n }, one).join('');
}
const data = (text: string): Promise<DatasetHandle> => datasetFromText(root, text, 'conll');
const train = async (params: Record<string, unknown>, inputs: Record<string, DatasetHandle>): Promise<LocalRun> =>
  runLocally(
    recipe,
    { epochs: 10, embedding_dim: 16, hidden_size: 16, batch_size: 16, learning_rate: 0.02, dropout: 0.1, ...params },
    { dir: `${root}/${runs++}`, inputs, seed: 4, checkpointEvery: 1e9 },
  );

describe('sequence/tagger', () => {
  it('tells entities by what stands beside them', async () => {
    const inputs = { train: await data(sentences(160, 1)), test: await data(sentences(60, 2)) };
    const { result, outputs } = await train({ vocab_size: 60 }, inputs);
    expect(result['test_f1']).toBeGreaterThan(0.95);
    expect(result['test_accuracy']).toBeGreaterThan(0.95);
    const model = asInput(outputs.get('model'));
    if (!('dir' in model)) throw new Error('no model');
    const predictor = await openModel(model.dir);
    const [answer] = await predictor.predict(['we met Ann Kim in Jordan .']);
    await predictor.close();
    const tags = answer && 'tags' in answer ? answer.tags : [];
    expect(tags.map((t) => [t.text, t.label])).toEqual([
      ['we', 'O'],
      ['met', 'O'],
      ['Ann', 'B-person'],
      ['Kim', 'I-person'],
      ['in', 'O'],
      ['Jordan', 'B-place'],
      ['.', 'O'],
    ]);
    // what others measure on the same sentences is what the training measured
    const judged = await runLocally(
      getRecipe('inference/evaluate'),
      {},
      {
        dir: `${root}/${runs++}`,
        inputs: { model, data: inputs.test },
      },
    );
    expect(judged.result['f1']).toBe(result['test_f1']);
  });

  it('learns tags that mark no entities, and then reports no F1', async () => {
    const text = Array.from(
      { length: 60 },
      (_, i) => `the\tDET\n${['cat', 'dog'][i % 2]}\tNOUN\n${['ran', 'sat'][i % 2]}\tVERB\n\n`,
    );
    const { result } = await train(
      { vocab_size: 40, epochs: 6 },
      { train: await data(text.join('')), test: await data(text.join('')) },
    );
    expect(result['test_accuracy']).toBe(1);
    expect(result).not.toHaveProperty('test_f1');
  });

  it('names the row whose tokens and tags differ in number, and refuses a single tag', async () => {
    const rows = await datasetFromText(root, 'tokens,tags\na b,O O\na b c,O O\n', 'csv', {
      types: { tokens: 'text', tags: 'text' },
    });
    await expect(train({}, { train: rows })).rejects.toMatchObject({ code: 'invalid_data', where: { line: 2 } });
    await expect(train({}, { train: await data('a\tO\nb\tO\n') })).rejects.toMatchObject({ code: 'invalid_input' });
  });
});

describe('tokens and words', () => {
  const texts = Array.from({ length: 4 }, () => 'Hill met Georgia in Paris . 东京 很大');
  const words = 'Paris met 东京 ☃ Hillgeorgia'.split(' ');

  it.each(['wordpiece', 'word', 'bpe', 'unigram', 'char'] as const)(
    'finds the first token of each word: %s',
    (type) => {
      const tokenizer = trainTokenizer(texts, {
        type,
        vocab_size: 300,
        min_frequency: 1,
        special_tokens: ['[PAD]', '[UNK]'],
      });
      const { ids, first } = encodeSentence(tokenizer, { words, tags: words }, 64);
      const { offsets } = tokenizer.encode(words.join(' '), { addSpecialTokens: false });
      let start = 0;
      words.forEach((w, i) => {
        const at = first[i] as number;
        expect(at).toBeGreaterThanOrEqual(0);
        // its token begins at the word, or at the space before it
        const begins = offsets[2 * at] as number;
        expect([start, start - 1]).toContain(begins);
        start += w.length + 1;
      });
      expect([...first].every((at, i) => i === 0 || at > (first[i - 1] as number))).toBe(true);
      expect(ids.length).toBeGreaterThanOrEqual(words.length);
      // a word behind the cut has no token
      expect(encodeSentence(tokenizer, { words, tags: words }, 1).first[4]).toBe(-1);
    },
  );
});
