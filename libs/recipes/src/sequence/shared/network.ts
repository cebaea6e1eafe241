import type { GraphBuilder, Value } from '@strata/graph';
import { dropout, embedding, normal, recurrent, type Recurrent, type RecurrentCell } from '@strata/nn';

export interface RecurrentNetwork {
  readonly cell: RecurrentCell;
  readonly units: number;
  readonly layers: number;
  readonly bidirectional: boolean;
  readonly embeddingDim: number;
  readonly dropout: number;
}

export const TOKENS = 'input_ids';
export const MASK = 'attention_mask';

/** What the network reads. `steps` is a number for training, whose graph is unrolled, and a symbol for what is served. */
export interface Sequence {
  readonly ids: Value;
  readonly mask: Value;
  /** int64 [N]: real tokens; a text of none counts one token of padding, so that every text has a state. */
  readonly lengths: Value;
}

export function sequenceInputs(b: GraphBuilder, steps: number | 'L'): Sequence {
  const ids = b.input(TOKENS, 'int64', ['N', steps]);
  const mask = b.input(MASK, 'int64', ['N', steps]);
  return { ids, mask, lengths: b.op.Max(b.op.ReduceSum(mask, { axes: [1] }), b.scalar(1, 'int64')) };
}

/** Embeddings of ids [N, T] as [T, N, dim]: the ids are transposed, which is cheaper than to transpose what they stand for. */
export const embedded = (b: GraphBuilder, ids: Value, rows: number, dim: number, name: string): Value =>
  embedding(b, b.op.Transpose(ids, [1, 0]), { buckets: rows, dim, name, init: normal(1 / Math.sqrt(dim)) });

/** Recurrent layers over x [T, N, …], with dropout before them and between them. */
export function recurrentLayers(
  b: GraphBuilder,
  x: Value,
  lengths: Value,
  net: RecurrentNetwork,
  training: boolean,
): Recurrent {
  const input = training ? dropout(b, x, { name: 'embedding_dropout', rate: net.dropout }) : x;
  return recurrent(b, net.cell, input, {
    name: net.cell,
    units: net.units,
    layers: net.layers,
    bidirectional: net.bidirectional,
    dropout: net.dropout,
    lengths,
    timeMajor: true,
    training,
  });
}
