import type { HashedNgrams } from '@strata/contracts';
import { hashNgrams, padIds } from '@strata/data';
import { parameterCount, type Graph } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { tensor } from '@strata/runtime';
import {
  adamw,
  buildTrainStep,
  createEvaluator,
  fit,
  schedule,
  type Batches,
  type FitContext,
  type FitResult,
  type Validation,
} from '@strata/training';
import { ngramsOf, vocabularyOf, type Vocabulary } from '../../shared/ngram-bag.js';
import { encoderWeights, embeddingExport, embeddingLoss, type EmbeddingModel } from './text-embedding.model.js';
import type { EncoderWeights } from './encoder.js';
import { textEmbeddingParams, type TextEmbeddingParams } from './params.js';
import { groupsOf, retrievalScores, type RetrievalScores } from './ranking.js';

/** Two texts that belong together. */
export interface Pair {
  readonly anchor: string;
  readonly positive: string;
  /** What the pair is about. */
  readonly group?: string | null;
  readonly weight?: number;
}

/** Pairs as ids of their n-grams. */
export interface EncodedPairs {
  readonly anchors: readonly Int32Array[];
  readonly positives: readonly Int32Array[];
  /** Pairs of one number are no negatives of each other. */
  readonly groups: Int32Array;
  readonly weights: Float32Array | undefined;
}

export interface TrainedEmbedding {
  readonly fitted: FitResult;
  /** What is served; its parameters are inputs. */
  readonly graph: Graph;
  readonly encoder: EncoderWeights;
  /** Pairs that were learned from. */
  readonly pairs: number;
  /** Trained numbers. */
  readonly parameters: number;
}

/** Each text is hashed once. Groups are those of the pairs that name one; where none does, pairs with a text in common. */
export function encodePairs(pairs: readonly Pair[], ngrams: HashedNgrams): EncodedPairs {
  const known = new Map<string, Int32Array>();
  const encode = (text: string): Int32Array => {
    const ids = known.get(text) ?? hashNgrams(text, ngrams);
    known.set(text, ids);
    return ids;
  };
  return {
    anchors: pairs.map((p) => encode(p.anchor)),
    positives: pairs.map((p) => encode(p.positive)),
    groups: groupsOf(pairs),
    weights: pairs.some((p) => p.weight !== undefined) ? Float32Array.from(pairs, (p) => p.weight ?? 1) : undefined,
  };
}

/** Some of the pairs. */
export const pairsAt = (pairs: EncodedPairs, at: ArrayLike<number>): EncodedPairs => ({
  anchors: Array.from(at, (i) => pairs.anchors[i] as Int32Array),
  positives: Array.from(at, (i) => pairs.positives[i] as Int32Array),
  groups: Int32Array.from(at, (i) => pairs.groups[i] as number),
  weights: pairs.weights && Float32Array.from(at, (i) => pairs.weights?.[i] as number),
});

/** Steps that a training of unspecified length aims at, and how often it sees the pairs for that. */
const STEPS = 600;
const EPOCHS: readonly [number, number] = [4, 60];

/**
 * Learns an embedding from pairs. Killed and run again with the same arguments, it goes on from the context's checkpoint and ends with the same bits.
 * @throws StrataError `empty_data` when no two pairs can be told apart, and those of `fit`
 */
export async function trainEmbedding(
  ctx: FitContext,
  params: TextEmbeddingParams,
  pairs: EncodedPairs,
  valid?: EncodedPairs,
): Promise<TrainedEmbedding> {
  const vocabulary = vocabularyOf(
    [...new Set([...pairs.anchors, ...pairs.positives])],
    params.buckets,
    params.min_df,
    params.use_idf,
  );
  const data = legible(ctx, pairs, vocabulary);
  const [first = params.embedding_dim, ...more] = params.hidden_layer_sizes;
  const model: EmbeddingModel = {
    vocabulary,
    pooling: params.pooling_mode,
    widths: params.hidden_layer_sizes.length ? [first, ...more, params.embedding_dim] : [first],
    activation: params.activation,
  };
  const step = buildTrainStep((b) => embeddingLoss(b, model, { ...params, weighted: data.weights !== undefined }), {
    optimizer: adamw({ weightDecay: params.weight_decay }),
  });
  const graph = embeddingExport(model);
  const batchSize = Math.min(params.batch_size, data.anchors.length);
  const perEpoch = Math.floor(data.anchors.length / batchSize);
  const evaluator = valid && (await createEvaluator(graph, { threads: ctx.threads, device: ctx.device.kind }));
  try {
    const fitted = await fit({
      ctx,
      step,
      data: pairBatches(data),
      epochs: params.epochs ?? Math.min(EPOCHS[1], Math.max(EPOCHS[0], Math.ceil(STEPS / perEpoch))),
      batchSize,
      // a small last batch has few negatives; its pairs come in the next epoch
      order: { dropLast: true },
      schedule: schedule({ kind: params.lr_scheduler, learningRate: params.learning_rate }),
      ...(valid && evaluator ? { validation: validationOf(valid, params, evaluator) } : {}),
    });
    return {
      fitted,
      graph,
      encoder: encoderWeights(model, ngramsOf(params), fitted.weights),
      pairs: data.anchors.length,
      parameters: parameterCount(step.parameters),
    };
  } finally {
    await evaluator?.release();
  }
}

/** `trainEmbedding` of plain pairs, for programs that keep a model of their own. @param params those of the recipe, with its defaults */
export async function learnEmbedding(
  ctx: FitContext,
  params: Partial<TextEmbeddingParams>,
  pairs: readonly Pair[],
): Promise<TrainedEmbedding> {
  const p = textEmbeddingParams.parse(params);
  return trainEmbedding(ctx, p, encodePairs(pairs, ngramsOf(p)));
}

/** The pairs both of whose texts have an n-gram that is learned: the others teach nothing. */
function legible(ctx: FitContext, pairs: EncodedPairs, { rows }: Vocabulary): EncodedPairs {
  const known = (ids: Int32Array | undefined): boolean => ids?.some((id) => rows[id] !== 0) ?? false;
  const at = [...pairs.anchors.keys()].filter((i) => known(pairs.anchors[i]) && known(pairs.positives[i]));
  if (new Set(at.map((i) => pairs.groups[i])).size < 2)
    throw new StrataError(
      'empty_data',
      'there must be two pairs that are about different things and share n-grams with other texts: each is the other’s negative. Give more pairs, or lower min_df.',
      { where: { field: 'params.min_df' } },
    );
  if (at.length < pairs.anchors.length)
    ctx.log.warn({}, `${pairs.anchors.length - at.length} pairs have a text of unknown n-grams and are left out`);
  return pairsAt(pairs, at);
}

function pairBatches(data: EncodedPairs): Batches {
  const side = (texts: readonly Int32Array[], rows: Int32Array) => {
    const { ids, shape } = padIds(Array.from(rows, (r) => texts[r] as Int32Array));
    return tensor.int64(ids, shape);
  };
  const { weights } = data;
  return {
    rows: data.anchors.length,
    feeds: (rows) => ({
      ids: side(data.anchors, rows),
      positive_ids: side(data.positives, rows),
      group: tensor.int64(
        BigInt64Array.from(rows, (r) => BigInt(data.groups[r] as number)),
        [rows.length],
      ),
      ...(weights
        ? {
            weight: tensor.float32(
              Float32Array.from(rows, (r) => weights[r] as number),
              [rows.length],
            ),
          }
        : {}),
    }),
  };
}

/** Feeds of the served graph: all anchors, and then all positives. */
export function textBatches({ anchors, positives }: EncodedPairs): Batches {
  const texts = [...anchors, ...positives];
  return {
    rows: texts.length,
    feeds(rows) {
      const { ids, shape } = padIds(Array.from(rows, (r) => texts[r] as Int32Array));
      return { ids: tensor.int64(ids, shape) };
    },
  };
}

/** Scores of vectors in the order of `textBatches`. */
export function scoresOf(data: Float32Array, { groups }: EncodedPairs): RetrievalScores {
  const dim = data.length / groups.length / 2;
  const half = groups.length * dim;
  return retrievalScores({ data: data.subarray(0, half), dim }, { data: data.subarray(half), dim }, groups);
}

const validationOf = (valid: EncodedPairs, p: TextEmbeddingParams, evaluator: Validation['evaluator']): Validation => ({
  evaluator,
  data: textBatches(valid),
  batchSize: 256,
  output: 'embedding',
  score: (out) => {
    const { recall_at_1, mrr } = scoresOf(out, valid);
    return { valid_recall_at_1: recall_at_1, valid_mrr: mrr };
  },
  ...(p.early_stopping
    ? { earlyStopping: { monitor: 'valid_mrr', mode: 'max', patience: p.n_iter_no_change, tolerance: p.tol } }
    : {}),
});
