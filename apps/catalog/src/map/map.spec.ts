import { describe, expect, it } from '@jest/globals';
import { defineRecipe } from '@strata/contracts';
import { readContent } from '@strata/map';
import { recipes } from '@strata/recipes';
import { z } from 'zod';
import { BUNDLED_CONTENT } from '../app.module.js';
import { small } from '../testing/content.js';
import { coverageOf } from './coverage.js';
import { buildMap, edgeCount } from './map.js';

const recipe = (slug: string) =>
  defineRecipe({
    name: 'data/thing',
    version: 1,
    queue: 'train',
    title: { en: 'Thing', zh: '东西' },
    summary: { en: 'Does.', zh: '做。' },
    catalog: [slug],
    params: z.object({}),
    inputs: {},
    outputs: {},
    resumable: false,
    smoke: { params: {}, inputs: {} },
    run: () => Promise.reject(new Error('not run here')),
  });

describe('the map with its recipes', () => {
  it('refuses content that does not hold together, with the place', () => {
    const broken = { ...small(), problems: [{ file: 'x.yaml', line: 7, message: 'kind: no' }] };
    expect(() => buildMap(broken, [])).toThrow('catalog content: x.yaml:7: kind: no');
  });

  it('refuses a recipe that names an entry which does not exist', () => {
    expect(() => buildMap(small(), [recipe('c')])).toThrow(
      /recipe "data\/thing": its catalog entry "c" does not exist/,
    );
  });

  it('hangs recipes below the entries that they run', () => {
    const map = buildMap(small(), [recipe('lora')]);
    expect(map.nodes.get('lora')?.edges).toContainEqual({ kind: 'runs-as', from: 'lora', to: 'recipe-data-thing' });
    expect(map.nodes.get('recipe-data-thing')?.kind).toBe('recipe');
    expect(map.incoming('recipe-data-thing')).toHaveLength(1);
    const { covered, missing } = coverageOf(map);
    expect([covered.map((c) => c.node.slug), missing.map((c) => c.node.slug)]).toEqual([
      ['lora'],
      ['full-tuning', 'transformer'],
    ]);
  });
});

describe('the bundled content', () => {
  it('holds together, with the recipes of this repository, and has its size', async () => {
    const content = await readContent(BUNDLED_CONTENT);
    const map = buildMap(content, recipes);
    expect(map.manifests.size).toBe(recipes.length);
    const { covered, missing } = coverageOf(map);
    for (const slug of ['data-cleaning', 'data-sampling', 'quantization'])
      expect(covered.map((c) => c.node.slug)).toContain(slug);
    // what the map promises and nobody has written yet is said, not hidden
    for (const { node } of missing) expect(node.recipes).toEqual([]);
    expect(content.entries.length).toBeGreaterThanOrEqual(320);
    expect(edgeCount(map) - (map.edgeCounts.get('runs-as') ?? 0)).toBeGreaterThanOrEqual(900);
  });

  it('promises as a job what the layer needs, by area, and says of each whether it runs', async () => {
    const { areas, covered, missing } = coverageOf(buildMap(await readContent(BUNDLED_CONTENT), recipes));
    const inArea = Object.fromEntries(
      areas.map((a) => [a.section?.slug, [...a.covered, ...a.missing].map((n) => n.slug)]),
    );
    // the methods, steps and applications that the map must offer as jobs
    const promised = {
      algorithms:
        'linear-regression logistic-regression decision-tree support-vector-machine bayesian-models k-means pca autoencoder dnn cnn rnn lstm gru gan transfer-learning attention-model transformer self-play policy-gradient continuous-control semi-supervised-learning denoising-autoencoder dqn',
      'development-pipeline':
        'data-cleaning data-sampling build-transformer build-vision-cnn build-recurrent masked-language-model static-masking dynamic-masking causal-language-model least-squares stochastic-gradient-descent feature-extraction full-fine-tuning lora rule-based-reward value-based-reward learned-reward-model reinforce ppo ddpg sac grpo dpo pruning quantization distillation hardware-optimisation',
      applications:
        'image-classification image-generation object-detection recurrent-speech-recognition convolutional-recurrent-speech-recognition wavenet tacotron knowledge-graph-by-rules knowledge-graph-by-learning natural-language-inference gan-creation vae',
      'technical-trends':
        'hyper-parameter-search positional-encoding adam rmsprop dropout weight-decay distributed-data-loading model-parallel data-parallel attention-distribution intermediate-features interpretability-tools',
    };
    const all = [...covered, ...missing];
    for (const [area, slugs] of Object.entries(promised))
      for (const slug of slugs.split(' ')) {
        const entry = all.find((c) => c.node.slug === slug);
        expect([slug, entry?.areas.map((a) => a.slug)]).toEqual([slug, expect.arrayContaining([area])]);
      }
    // each in one area, and none outside
    expect(Object.values(inArea).flat().sort()).toEqual(all.map((c) => c.node.slug).sort());
    expect(Object.keys(inArea)).not.toContain('undefined');
  });

  it('has every algorithm with its paper, and every figure that can be checked, checked', async () => {
    const { entries } = await readContent(BUNDLED_CONTENT);
    const wanting = entries.filter(
      ({ entry: e }) =>
        (e.kind === 'algorithm' || (e.runnable && e.kind === 'technique')) && (!e.method || !e.references.length),
    );
    expect(wanting.map((p) => p.entry.slug)).toEqual([]);
    const figures = new Map(entries.flatMap(({ entry: e }) => (e.figure ? [[e.slug, e.figure] as const] : [])));
    // 36 + 29 + 14 = 79, and the shares of each
    expect(figures.get('domestic-model-count')).toMatchObject({ value: 79, check: { sum: expect.anything() } });
    const shares = [...figures.values()].flatMap((f) =>
      f.check?.percent?.whole === 'domestic-model-count' ? [f.value] : [],
    );
    expect(shares.sort()).toEqual([17.72, 36.71, 45.57]);
  });
});
