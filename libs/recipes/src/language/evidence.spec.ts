import { afterAll, describe, expect, it } from '@jest/globals';
import type { DatasetHandle } from '@strata/contracts';
import { evidence, figure, out } from '../testing/evidence.js';
import { recordEvidence } from '../testing/evidence-file.js';

// Language models trained from nothing on public texts: what their READMEs claim, in full or with fewer steps.
const { present, data, step, end } = evidence('language models on public texts');

/** One block instead of the README's four, and a third of its steps. */
const SMALL = {
  n_layer: 1,
  position: 'rotary',
  batch_size: 32,
  learning_rate: 0.004,
  min_learning_rate: 0.0004,
  weight_decay: 0.01,
};

(present ? describe : describe.skip)('language models', () => {
  afterAll(end);

  it('tiny-shakespeare: at most 1.88 nats per character after 2,000 steps of 12 sequences', async () => {
    const { result } = await step(
      'language/causal-lm',
      { position: 'rotary', sample_tokens: 0 },
      { data: await data('tiny-shakespeare/input.txt') },
    );
    console.log(`language/causal-lm: ${JSON.stringify(result)}`);
    await recordEvidence('language/causal-lm', 'tiny-shakespeare', result, () => {
      expect(figure(result, 'valid_loss')).toBeLessThanOrEqual(1.88);
    });
  }, 600_000);

  it('classical Chinese: hidden characters guessed three times as often as by the commonest one; places that change teach no less', async () => {
    const text = await data('chinese-classics/zh_classics_traditional.txt');
    const masked = async (masking: 'dynamic' | 'static'): Promise<Record<string, unknown>> =>
      (await step('language/masked-lm', { ...SMALL, masking, max_steps: 400 }, { data: text })).result;
    const figures = { dynamic: await masked('dynamic'), fixed: await masked('static') };
    console.log(`language/masked-lm: ${JSON.stringify(figures)}`);
    await recordEvidence('language/masked-lm', 'chinese-classics, 400 steps', figures, () => {
      expect(figure(figures.dynamic, 'gain_over_unigram')).toBeGreaterThanOrEqual(3);
      expect(figure(figures.dynamic, 'valid_accuracy')).toBeGreaterThanOrEqual(figure(figures.fixed, 'valid_accuracy'));
    });
  }, 600_000);

  it('sib200: low-rank changes of less than a twentieth of the weights come within three points of full fine-tuning', async () => {
    const part = (name: string): Promise<DatasetHandle> => data(`sib200/zho_Hans/${name}.tsv`);
    const train = await part('train');
    const pretrained = await step('language/masked-lm', { ...SMALL, n_layer: 2, max_steps: 200 }, { data: train });
    const inputs = { train, valid: await part('dev'), test: await part('test'), base: out(pretrained, 'model') };
    const params = { target: 'category', epochs: 6, early_stopping: false };
    const tuned = async (method: 'full' | 'lora'): Promise<Record<string, unknown>> =>
      (await step('language/fine-tune', { method, ...params }, inputs)).result;
    const figures = { full: await tuned('full'), lora: await tuned('lora') };
    console.log(`language/fine-tune: ${JSON.stringify(figures)}`);
    await recordEvidence('language/fine-tune', 'sib200 zho_Hans, 6 epochs', figures, () => {
      expect(figure(figures.lora, 'trained_share')).toBeLessThanOrEqual(0.05);
      // the commonest topic is a quarter of the test file; means of five longer trainings, which differ by less, are in the README
      const full = figure(figures.full, 'test_accuracy');
      expect(full).toBeGreaterThanOrEqual(0.5);
      expect(figure(figures.lora, 'test_accuracy')).toBeGreaterThanOrEqual(full - 0.03);
    });
  }, 600_000);
});
