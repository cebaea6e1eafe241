import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle, RecipeDefinition } from '@strata/contracts';
import { trainTokenizer } from '@strata/data';
import { bindParameters, GraphBuilder, initialParameters, toOnnx, type Value } from '@strata/graph';
import { createRng } from '@strata/kernel';
import { createSession, tensor, type Tensor } from '@strata/runtime';
import { openModel } from '@strata/serving';
import { getRecipe } from '../../index.js';
import { asInput, datasetFromText, localFolder, runLocally, type LocalRun } from '../../testing/local-context.js';
import { tokenFeeds } from '../shared/tokens.js';
import { encodeSentence } from './sentences.js';
import { NO_TAG, taggerLoss, taggerExport, type TaggerModel } from './tagger.model.js';
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

describe('the loss', () => {
  const model: TaggerModel = {
    tags: ['O', 'B-x'],
    vocabulary: 9,
    cell: 'gru',
    units: 3,
    layers: 1,
    bidirectional: true,
    embeddingDim: 4,
    dropout: 0,
    labelSmoothing: 0,
  };
  const sentences = [[1, 2], [3], [4, 5, 6, 7, 8, 1], [2, 3, 4, 5, 6]].map((ids) => Int32Array.from(ids));
  /** Even ids mark names, 5 is the second part of a word. */
  const tagOf = (id: number): number => (id === 5 ? NO_TAG : 1 - (id % 2));
  const words = sentences.flatMap((s) => [...s]).filter((id) => id !== 5).length / sentences.length;

  async function run(
    graph: ReturnType<typeof taggerExport>,
    feeds: Record<string, Tensor>,
  ): Promise<Record<string, Tensor>> {
    const session = await createSession(toOnnx(graph));
    const answer = await session.run(feeds);
    await session.release();
    return answer;
  }
  const made = (steps: number): GraphBuilder => {
    const b = new GraphBuilder('loss');
    const loss: Value = taggerLoss(b, model, steps, words);
    b.output('loss', loss);
    return b;
  };
  const weights = initialParameters(made(6).parameters, createRng(6));
  async function lossOf(rows: readonly number[], steps: number): Promise<number> {
    const of = Int32Array.from(rows);
    const target = rows.flatMap((r) =>
      Array.from({ length: steps }, (_, i) => ((id) => (id === undefined ? NO_TAG : tagOf(id)))(sentences[r]?.[i])),
    );
    const feeds = { ...tokenFeeds(sentences, of, steps), target: tensor.int64(target, [rows.length, steps]) };
    return (await run(bindParameters(made(steps).build(), weights), feeds))['loss']?.data[0] as number;
  }

  it('counts each word the same, whether its batch holds long sentences or short ones', async () => {
    const [short, long] = [await lossOf([0, 1], 2), await lossOf([2, 3], 6)];
    const together = await lossOf([0, 1, 2, 3], 6);
    expect((2 * short + 2 * long) / 4).toBeCloseTo(together, 5);
    // the mean over all words of what the served model says
    const all = tokenFeeds(sentences, Int32Array.of(0, 1, 2, 3), 6);
    const { probabilities } = await run(bindParameters(taggerExport(model), weights), all);
    const costs = sentences.flatMap((s, r) =>
      Array.from(s).flatMap((id, i) => {
        const p = probabilities?.data[(r * 6 + i) * 2 + Math.max(0, tagOf(id))] as number;
        return tagOf(id) === NO_TAG ? [] : [-Math.log(p)];
      }),
    );
    expect(together).toBeCloseTo(costs.reduce((a, b) => a + b, 0) / costs.length, 5);
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
