import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext } from '@strata/contracts';
import { trainTestSplit, trainTokenizer, type Tokenizer } from '@strata/data';
import { parameterCount } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { createSession, tensor, type Tensor } from '@strata/runtime';
import {
  adamw,
  createEvaluator,
  entityScores,
  fit,
  marksEntities,
  phases,
  schedule,
  type Batches,
  type FitContext,
  type FitResult,
  type LengthBuckets,
} from '@strata/training';
import { finite, modelCard, prefixed } from '../../shared/card.js';
import { IR_VERSION, modelBytes, writeModel } from '../../shared/export-model.js';
import { PAD, tokenFeeds, UNKNOWN } from '../shared/tokens.js';
import { unrolledStep, type UnrolledStep } from '../shared/unrolled.js';
import type { SequenceTaggerParams } from './params.js';
import { encodeSentence, readSentences, textOf, type Encoded, type Sentence } from './sentences.js';
import { NO_TAG, taggerExport, taggerLoss, taggerScorer, type TaggerModel } from './tagger.model.js';

/** Fewer sentences than this give a validation set too small to judge by: all of them train. */
const SENTENCES_TO_VALIDATE = 1000;
const TOKENIZER = 'tokenizer.json';
/** More tags than this are no tags. */
const TAGS_MOST = 1000;
const ROWS = 128;

export async function run(ctx: JobContext, params: SequenceTaggerParams): Promise<Record<string, unknown>> {
  const source = await readSentences(ctx, 'train', params);
  const [train, held] = ctx.has('valid') ? [source, undefined] : hold(source, params, ctx.seed);
  const tags = tagsOf(train, params);
  const tokenizer = trainTokenizer(train.map(textOf), {
    type: params.tokenizer,
    vocab_size: params.vocab_size,
    min_frequency: params.min_frequency,
    special_tokens: [PAD, UNKNOWN],
    lowercase: params.lowercase,
  });
  const encode = (sentences: readonly Sentence[]): Encoded[] =>
    sentences.map((s) => encodeSentence(tokenizer, s, params.max_length));
  const rows = encode(train);
  const valid = ctx.has('valid') ? encode(await readSentences(ctx, 'valid', params)) : held && encode(held);
  const model: TaggerModel = {
    tags,
    vocabulary: tokenizer.vocabSize,
    cell: params.cell,
    units: params.hidden_size,
    layers: params.num_layers,
    bidirectional: params.bidirectional,
    embeddingDim: params.embedding_dim,
    dropout: params.dropout,
    labelSmoothing: params.label_smoothing,
  };
  const ids = rows.map((r) => r.ids);
  const tokensOfWords = rows.reduce((n, r) => n + r.first.filter((at) => at >= 0).length, 0);
  const words = Math.max(1, tokensOfWords) / rows.length;
  const unrolled = unrolledStep(ids, (b, steps) => taggerLoss(b, model, steps, words), params, {
    optimizer: adamw({ weightDecay: params.weight_decay }),
    clipNorm: params.max_grad_norm,
  });
  const scores = scorerOf(tags, rows);
  const fitted = await (await phases(ctx)).last('fit', (c) => learn(c, unrolled, model, rows, valid, scores, params));

  const graph = taggerExport(model);
  const bytes = modelBytes(graph, fitted.weights);
  const measured: Record<string, number> = {};
  const measure = async (prefix: string, data: readonly Encoded[]): Promise<void> => {
    Object.assign(measured, prefixed(prefix, scores(data, await tagged(ctx, bytes, tags, data))));
  };
  if (valid) await measure('valid', valid);
  if (ctx.has('test')) await measure('test', encode(await readSentences(ctx, 'test', params)));
  const metrics = finite({ train_loss: fitted.history.at(-1)?.train_loss ?? NaN, ...measured });
  ctx.metrics(fitted.steps, metrics);
  await save(
    ctx,
    {
      bytes,
      tags,
      tokenizer,
      metrics,
      rows: train.length,
      parameters: parameterCount(unrolled.step.parameters),
      opset: graph.opset,
    },
    params,
  );
  await ctx.output.report('report', {
    metrics,
    tags,
    vocabulary: tokenizer.vocabSize,
    unrolled: unrolled.buckets.limits,
    history: fitted.history,
    best_epoch: fitted.epoch,
    stopped_early: fitted.stoppedEarly,
  });
  return { ...metrics, epochs: fitted.history.length, best_epoch: fitted.epoch, tags: tags.length };
}

/** All tags in the order of their names, so that it does not depend on that of the rows. @throws StrataError `invalid_input` */
function tagsOf(train: readonly Sentence[], p: SequenceTaggerParams): string[] {
  const tags = [...new Set(train.flatMap((s) => s.tags))].sort();
  if (tags.length < 2 || tags.length > TAGS_MOST)
    throw new StrataError(
      'invalid_input',
      tags.length < 2
        ? `column "${p.tags_column}" has fewer than two different tags: there is nothing to tell apart.`
        : `column "${p.tags_column}" has ${tags.length} different tags; ${TAGS_MOST} is the most.`,
      { where: { field: 'params.tags_column', column: p.tags_column } },
    );
  return tags;
}

function hold(
  all: readonly Sentence[],
  p: SequenceTaggerParams,
  seed: number,
): [readonly Sentence[], readonly Sentence[] | undefined] {
  const share = p.validation_fraction ?? (all.length < SENTENCES_TO_VALIDATE ? 0 : 0.1);
  if (share === 0) return [all, undefined];
  const split = trainTestSplit(all.length, { testFraction: share, seed });
  const at = (rows: Int32Array): Sentence[] => Array.from(rows, (r) => all[r] as Sentence);
  return [at(split.train), at(split.test)];
}

type Scorer = (data: readonly Encoded[], best: readonly Int32Array[]) => Record<string, number>;

/** Scores of tags by number for each token: accuracy over words, and precision, recall and F1 over entities when the tags mark such. */
function scorerOf(tags: readonly string[], train: readonly Encoded[]): Scorer {
  const counts = new Map<string, number>();
  for (const s of train) for (const t of s.tags) counts.set(t, (counts.get(t) ?? 0) + 1);
  // of a word that the network does not see
  const common = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))[0]?.[0] ?? '';
  const entities = marksEntities(tags);
  return (data, best) => {
    const predicted = data.map((s, i) =>
      Array.from(s.first, (at) => (at < 0 ? common : (tags[best[i]?.[at] ?? -1] ?? common))),
    );
    let [right, words] = [0, 0];
    for (const [i, s] of data.entries())
      for (const [w, tag] of s.tags.entries()) {
        words++;
        if (predicted[i]?.[w] === tag) right++;
      }
    const { precision, recall, f1 } = entityScores(
      data.map((s) => s.tags),
      predicted,
    );
    return { accuracy: right / words, ...(entities ? { precision, recall, f1 } : {}) };
  };
}

/** Feeds padded to the longest of a batch; with `training` to what its buckets say, and with the tags. */
const batchesOf = (
  data: readonly Encoded[],
  training?: { readonly tags: readonly string[]; readonly buckets: LengthBuckets },
): Batches => {
  const ids = data.map((s) => s.ids);
  const index = new Map(training?.tags.map((t, i) => [t, i]));
  return {
    rows: data.length,
    feeds(rows) {
      if (!training) return tokenFeeds(ids, rows);
      const steps = training.buckets.of(rows);
      const target = new BigInt64Array(rows.length * steps).fill(BigInt(NO_TAG));
      rows.forEach((r, i) => {
        const s = data[r] as Encoded;
        s.first.forEach((at, w) => {
          if (at >= 0) target[i * steps + at] = BigInt(index.get(s.tags[w] ?? '') ?? NO_TAG);
        });
      });
      return { ...tokenFeeds(ids, rows, steps), target: tensor.int64(target, [rows.length, steps]) };
    },
  };
};

/** Rows of an int64 [N, L] tensor. */
function rowsOf(t: Tensor | undefined): Int32Array[] {
  const [n = 0, width = 0] = t?.dims ?? [];
  const data = t?.data as BigInt64Array;
  return Array.from({ length: n }, (_, i) =>
    Int32Array.from({ length: width }, (_v, j) => Number(data[i * width + j])),
  );
}

async function learn(
  ctx: FitContext,
  { step, buckets }: UnrolledStep,
  model: TaggerModel,
  train: readonly Encoded[],
  valid: readonly Encoded[] | undefined,
  scores: Scorer,
  p: SequenceTaggerParams,
): Promise<FitResult> {
  const evaluator =
    valid && (await createEvaluator(taggerScorer(model), { threads: ctx.threads, device: ctx.device.kind }));
  try {
    return await fit({
      ctx,
      step,
      data: batchesOf(train, { tags: model.tags, buckets }),
      epochs: p.epochs,
      batchSize: p.batch_size,
      order: { lengths: buckets.padded, pool: Infinity },
      schedule: schedule({ kind: p.lr_scheduler, learningRate: p.learning_rate }),
      ...(valid && evaluator
        ? {
            validation: {
              evaluator,
              data: batchesOf(valid),
              batchSize: ROWS,
              outputs: ['best'],
              stream: () => {
                const best: Int32Array[] = [];
                return {
                  add: (outputs: Readonly<Record<string, Tensor>>) => void best.push(...rowsOf(outputs['best'])),
                  end: () => prefixed('valid', scores(valid, best)),
                };
              },
              ...(p.early_stopping
                ? {
                    earlyStopping: {
                      monitor: marksEntities(model.tags) ? 'valid_f1' : 'valid_accuracy',
                      mode: 'max' as const,
                      patience: p.n_iter_no_change,
                      tolerance: 0,
                    },
                  }
                : {}),
            },
          }
        : {}),
    });
  } finally {
    await evaluator?.release();
  }
}

/** Tags of every token by the exported file itself: what is measured is what is served. */
async function tagged(
  ctx: JobContext,
  bytes: Uint8Array,
  tags: readonly string[],
  data: readonly Encoded[],
): Promise<Int32Array[]> {
  const index = new Map(tags.map((t, i) => [t, i]));
  const batches = batchesOf(data);
  const all: Int32Array[] = [];
  const session = await createSession(bytes, { threads: ctx.threads });
  try {
    for (let from = 0; from < batches.rows; from += ROWS) {
      const rows = Int32Array.from({ length: Math.min(ROWS, batches.rows - from) }, (_, i) => from + i);
      const { label } = await session.run(batches.feeds(rows), ['label']);
      const width = label?.dims[1] ?? 0;
      const names = label?.data as string[];
      for (let i = 0; i < rows.length; i++)
        all.push(Int32Array.from({ length: width }, (_, j) => index.get(names[i * width + j] ?? '') ?? -1));
    }
  } finally {
    await session.release();
  }
  return all;
}

interface Made {
  readonly bytes: Uint8Array;
  readonly tags: readonly string[];
  readonly tokenizer: Tokenizer;
  readonly metrics: Record<string, number>;
  readonly rows: number;
  readonly parameters: number;
  readonly opset: number;
}

async function save(ctx: JobContext, made: Made, params: SequenceTaggerParams): Promise<void> {
  const { tags, metrics, parameters } = made;
  const dir = await writeModel(ctx.workDir, made.bytes);
  await writeFile(join(dir, TOKENIZER), JSON.stringify(made.tokenizer.json));
  await ctx.output.model('model', dir, {
    format: 'strata-model/1',
    task: 'token-classification',
    recipe: 'sequence/tagger',
    recipe_version: 2,
    inputs: [{ name: params.tokens_column, datatype: 'BYTES', shape: [-1] }],
    outputs: [
      { name: 'label', datatype: 'BYTES', shape: [-1, -1] },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, -1, tags.length] },
      // made by the tokenizer: where each token stands in its text
      { name: 'offsets', datatype: 'INT64', shape: [-1, -1, 2] },
    ],
    labels: [...tags],
    target: params.tags_column,
    preprocess: { kind: 'tokenizer', file: TOKENIZER, max_length: params.max_length, pad_id: 0 },
    metrics,
    params,
    seed: ctx.seed,
    parameters,
    opset: made.opset,
    ir_version: IR_VERSION,
    quantization: null,
    card: modelCard({
      title: { en: 'Sequence tagger', zh: '序列标注模型' },
      purpose: {
        en: `Gives every word of a sentence a tag (its first token's), read by a ${params.cell.toUpperCase()}.`,
        zh: `由 ${params.cell.toUpperCase()} 逐词元读取句子，为每个词（取其首个词元）打标签。`,
      },
      target: params.tags_column,
      rows: made.rows,
      inputs: [params.tokens_column],
      classes: tags,
      parameters,
      metrics,
      recipe: 'sequence/tagger',
      seed: ctx.seed,
    }),
  });
}
