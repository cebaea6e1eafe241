import type { HashedNgrams } from '@strata/contracts';
import { GraphBuilder, type Graph, type Initializer, type Value } from '@strata/graph';
import { activate, dropout, glorotUniform, infoNce, normal, zeros } from '@strata/nn';
import type { Weights } from '@strata/training';
import { StrataError } from '@strata/kernel';
import { ngramBag, type Vocabulary } from '../../shared/ngram-bag.js';
import type { PoolingMode } from '../../shared/ngram-params.js';
import { SHORTEST, type EncoderLayer, type EncoderWeights } from './encoder.js';
import type { EncoderActivation } from './params.js';

export interface EmbeddingModel {
  readonly vocabulary: Vocabulary;
  readonly pooling: PoolingMode;
  /** Widths behind the n-grams; the first is that of their table, the last that of the vector. */
  readonly widths: readonly [number, ...number[]];
  readonly activation: EncoderActivation;
}
export interface ContrastiveLoss {
  readonly temperature: number;
  readonly symmetric: boolean;
  readonly dropout: number;
  /** The batch has `group`, and `weight`. */
  readonly weighted: boolean;
}

const TABLE = 'bag/ngrams/table';
const layerName = (i: number): string => `projection_${i}`;

/**
 * Numbers of mean 0 and variance 1 / dim: n-grams begin as random directions, nearly at right angles to each other, so that the cosine of two texts begins near that of their
 * weighted n-grams (Johnson & Lindenstrauss 1984) and training starts from likeness of spelling.
 */
const directions: Initializer = (dims, dtype, rng) => normal(1 / Math.sqrt(dims.at(-1) ?? 1))(dims, dtype, rng);

/** Declares the weights once; the function that it gives encodes as often as it is called: ids int64 [N, L] → [N, D], of length 1 after `unit`. */
function encoder(
  b: GraphBuilder,
  { vocabulary, pooling, widths, activation }: EmbeddingModel,
): (ids: Value, keep?: (weights: Value) => Value) => Value {
  const bag = ngramBag(b, vocabulary, { dim: widths[0], pooling, init: directions });
  const layers = widths.slice(1).map((units, i) =>
    b.scope(layerName(i), () => ({
      weight: b.param('weight', 'float32', [widths[i] as number, units], glorotUniform),
      bias: b.param('bias', 'float32', [units], zeros),
    })),
  );
  return (ids, keep) =>
    layers.reduce(
      (x, { weight, bias }) => b.op.Add(b.op.MatMul(activate(b, x, activation), weight), bias),
      bag(ids, keep),
    );
}

/** x / √(‖x‖² + ε²): of length 1, and 0 where there is nothing. */
function unit(b: GraphBuilder, x: Value): Value {
  const { op } = b;
  const square = op.ReduceSumSquare(x, { axes: [-1], keepdims: true });
  return op.Div(x, op.Sqrt(op.Add(square, b.scalar(SHORTEST * SHORTEST))));
}

/** InfoNCE of `ids` and `positive_ids` int64 [N, L], row by row a pair; with `group` int64 [N] and `weight` [N]. */
export function embeddingLoss(b: GraphBuilder, model: EmbeddingModel, loss: ContrastiveLoss): Value {
  const encode = encoder(b, model);
  const side = (name: string, length: string): Value =>
    encode(b.input(name, 'int64', ['N', length]), (weights) =>
      dropout(b, weights, { name: `${name}_dropout`, rate: loss.dropout }),
    );
  return infoNce(b, side('ids', 'L'), side('positive_ids', 'M'), {
    temperature: loss.temperature,
    symmetric: loss.symmetric,
    groups: b.input('group', 'int64', ['N']),
    ...(loss.weighted ? { sampleWeights: b.input('weight', 'float32', ['N']) } : {}),
  });
}

/** What is served: ids in, `embedding` [N, D] of length 1 out. Its parameters are inputs until they are bound. */
export function embeddingExport(model: EmbeddingModel): Graph {
  const b = new GraphBuilder('text-embedding');
  b.output('embedding', unit(b, encoder(b, model)(b.input('ids', 'int64', ['N', 'L']))));
  return b.build();
}

/** The trained model as plain arrays. @throws StrataError `internal` for weights that are not this model's */
export function encoderWeights(model: EmbeddingModel, ngrams: HashedNgrams, weights: Weights): EncoderWeights {
  const data = (name: string): Float32Array => {
    const t = weights[name];
    if (!t) throw new StrataError('internal', `the model has no weights "${name}"`);
    return t.data;
  };
  const layers = model.widths
    .slice(1)
    .map((_, i): EncoderLayer => ({ weight: data(`${layerName(i)}/weight`), bias: data(`${layerName(i)}/bias`) }));
  const { vocabulary, pooling, activation } = model;
  return { ngrams, pooling, ...vocabulary, table: data(TABLE), layers, activation };
}
