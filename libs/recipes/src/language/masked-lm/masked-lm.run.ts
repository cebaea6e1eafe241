import type { JobContext } from '@strata/contracts';
import type { Tokenizer } from '@strata/data';
import { parameterCount } from '@strata/graph';
import { StrataError, type Rng } from '@strata/kernel';
import { buildTrainStep, createEvaluator, fit, gatherIds, type Batches } from '@strata/training';
import { finite } from '../../shared/card.js';
import { exportModel, tensorSpecs } from '../../shared/export-model.js';
import { readCorpus, requireTokens, type Tokens } from '../transformer/corpus.js';
import { saveLanguageModel } from '../transformer/save.js';
import { configOf, evenly, optimizerOf, scheduleOf } from '../transformer/training.js';
import { maskedExport, maskedLoss, maskedScores } from './masked-lm.model.js';
import type { MaskedLmParams } from './masked-lm.recipe.js';
import { maskTokens, type MaskingOptions } from './masking.js';

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

export async function run(ctx: JobContext, params: MaskedLmParams): Promise<Record<string, unknown>> {
  const { tokenizer, train, valid } = await readCorpus(ctx, params, SPECIAL);
  const { block_size: length, batch_size: batch } = params;
  requireTokens(train, length * batch, 'training');
  if (params.validation_fraction > 0) requireTokens(valid, length, 'validation');
  const masking = maskingOf(tokenizer, params);
  const config = { ...configOf(params, tokenizer.vocabSize), norm_order: params.norm_order };
  const step = buildTrainStep((b) => maskedLoss(b, config, batch, masking.count), {
    optimizer: optimizerOf(params),
    ...(params.max_grad_norm > 0 ? { clipNorm: params.max_grad_norm } : {}),
  });
  const sequencesOf = (tokens: Tokens): number => Math.floor(tokens.ids.length / length);
  const rows = sequencesOf(train);
  const draw = ctx.rng.fork('masks');
  // whole batches only, because the graph's sizes are fixed
  const data = sequences(train, rows - (rows % batch), params, masking, maskStreams(draw, params.masking));
  // validation hides the same places each time
  const held = sequences(valid, sequencesOf(valid), params, masking, (row) => draw.fork('valid').fork(`${row}`));
  const some = evenly(held, params.eval_windows);
  const evaluator =
    held.rows > 0
      ? await createEvaluator(maskedScores(config, masking.count), { threads: ctx.threads, device: ctx.device.kind })
      : null;
  try {
    const fitted = await fit({
      ctx,
      step,
      data,
      batchSize: batch,
      accumulate: params.gradient_accumulation_steps,
      maxSteps: params.max_steps,
      schedule: scheduleOf(params),
      validateEvery: params.eval_interval,
      ...(evaluator
        ? { validation: { evaluator, data: some, output: 'scores', batchSize: batch, score: scoresOf } }
        : {}),
    });
    const scores: Record<string, number> = { train_loss: fitted.history.at(-1)?.train_loss ?? NaN };
    if (evaluator) {
      Object.assign(scores, scoresOf(await evaluator.run(fitted.weights, held, 'scores', batch)));
      scores['unigram_accuracy'] = unigram(train, held, batch);
      scores['gain_over_unigram'] = (scores['valid_accuracy'] ?? NaN) / scores['unigram_accuracy'];
    }
    const metrics = finite(scores);
    ctx.metrics(fitted.steps, metrics);

    const graph = maskedExport(config);
    const dir = await exportModel(ctx.workDir, graph, fitted.weights);
    const parameters = parameterCount(step.parameters);
    await saveLanguageModel(ctx, dir, tokenizer, {
      recipe: 'language/masked-lm',
      answers: { task: 'masked-lm', outputs: tensorSpecs(graph.outputs), labels: null },
      inputs: tensorSpecs(graph.inputs.filter((i) => i.dtype === 'int64')),
      metrics,
      params,
      parameters,
      opset: graph.opset,
      card: {
        title: { en: 'Masked language model', zh: '掩码语言模型' },
        purpose: {
          en: `Gives the probabilities of the tokens at up to ${length} places, seen from both sides. Ids are those of \`tokenizer.json\`.`,
          zh: `根据两侧上下文给出至多 ${length} 个位置上各词元的概率，词元编号见 \`tokenizer.json\`。`,
        },
        target: 'hidden tokens',
        rows: train.ids.length,
        inputs: ['input_ids', 'attention_mask'],
      },
    });
    await ctx.output.report('report', {
      metrics,
      history: fitted.history,
      tokens: { train: train.ids.length, valid: valid.ids.length, vocabulary: tokenizer.vocabSize },
      parameters,
    });
    return { ...metrics, steps: fitted.steps, parameters, vocab_size: tokenizer.vocabSize };
  } finally {
    await evaluator?.release();
  }
}

/** @throws StrataError `invalid_model` when the tokenizer has no mask token */
function maskingOf(tokenizer: Tokenizer, p: MaskedLmParams): MaskingOptions {
  const mask = tokenizer.tokenToId('[MASK]') ?? tokenizer.tokenToId('<mask>');
  if (mask === undefined)
    throw new StrataError('invalid_model', 'the tokenizer has no token [MASK] or <mask>. Train one that has.', {
      where: { field: 'inputs.tokenizer' },
    });
  const special = SPECIAL.every((t, i) => tokenizer.tokenToId(t) === i) ? SPECIAL.length : 0;
  const count = Math.max(1, Math.round(p.mlm_probability * p.block_size));
  return { count, mask, first: special, vocabSize: tokenizer.vocabSize };
}

/** The stream that hides places of a row: one for each epoch, or always the same. */
export const maskStreams =
  (rng: Rng, masking: MaskedLmParams['masking']) =>
  (row: number, epoch: number): Rng =>
    rng.fork(masking === 'static' ? 'static' : `epoch ${epoch}`).fork(`${row}`);

/** Sequence r: tokens r · block_size and on, with hidden places from the stream of the row and epoch. */
export function sequences(
  tokens: Tokens,
  rows: number,
  { block_size: length, whole_word_mask: whole }: Pick<MaskedLmParams, 'block_size' | 'whole_word_mask'>,
  masking: MaskingOptions,
  rngOf: (row: number, epoch: number) => Rng,
): Batches {
  const { count } = masking;
  return {
    rows,
    feeds(at, place) {
      const ids = new Int32Array(at.length * length);
      const places = new Int32Array(at.length * count);
      const labels = new Int32Array(at.length * count);
      at.forEach((row, i) => {
        const part = [row * length, (row + 1) * length] as const;
        const begins = whole ? tokens.begins.subarray(...part) : undefined;
        const hidden = maskTokens(tokens.ids.subarray(...part), begins, rngOf(row, place?.epoch ?? 0), masking);
        ids.set(hidden.ids, i * length);
        places.set(
          hidden.places.map((p) => p + i * length),
          i * count,
        );
        labels.set(hidden.labels, i * count);
      });
      const all = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);
      const flat = (values: Int32Array) => {
        const t = gatherIds(values, 1, all(values.length));
        return { ...t, dims: [values.length] };
      };
      return {
        input_ids: gatherIds(ids, length, all(at.length)),
        masked_positions: flat(places),
        labels: flat(labels),
      };
    },
  };
}

/** Means over the rows of `scores` [N, 2]. */
function scoresOf(scores: Float32Array): { valid_loss: number; valid_accuracy: number } {
  const mean = (column: number): number => {
    let sum = 0;
    for (let i = column; i < scores.length; i += 2) sum += scores[i] as number;
    return (2 * sum) / scores.length;
  };
  return { valid_loss: mean(0), valid_accuracy: mean(1) };
}

/** Share of the hidden validation tokens that are the most frequent token of the training text. */
function unigram(train: Tokens, held: Batches, batch: number): number {
  const counts = new Map<number, number>();
  for (const id of train.ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  const [best] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), [-1, 0]);
  let right = 0;
  let total = 0;
  for (let from = 0; from < held.rows; from += batch) {
    const rows = Int32Array.from({ length: Math.min(batch, held.rows - from) }, (_, i) => from + i);
    const labels = held.feeds(rows)['labels']?.data;
    if (!(labels instanceof BigInt64Array)) continue;
    total += labels.length;
    for (const id of labels) if (Number(id) === best) right++;
  }
  return right / total;
}
