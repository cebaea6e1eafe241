import type { ColumnType, ModelManifest } from '@strata/contracts';
import type { Table } from '@strata/data';
import type { GraphBuilder, Value } from '@strata/graph';
import type { Batches, BatchSource, Feeds } from '@strata/training';
import { expectedOf, type Expected } from '../../shared/pictures.js';

/** Rows of a dataset with what is to be answered for each: a class, or a number. */
export interface Answered {
  /** Name of the input, for messages. */
  readonly input: string;
  readonly path: string;
  readonly table: Table;
  readonly rows: Int32Array;
  readonly answers: Float64Array;
}

/** How rows become what a model takes: while it is trained, and when it is served. */
export interface Source {
  readonly kind: 'table' | 'pictures';
  /** Columns to read, with the types that they are read as. */
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** Rows that are run at once outside training. */
  readonly rowsAtOnce: number;
  /** Looks at the training rows; to be called once, first. */
  learn(train: Answered): void | Promise<void>;
  /** Declares the inputs of a graph and gives the values that the model's inputs stand for. */
  declare(b: GraphBuilder, serving: boolean): ReadonlyMap<string, Value>;
  /** Inputs of a graph, as it was declared for training or for serving, `rowsAtOnce` rows at a time: each row once, none kept. */
  once(data: Answered, serving: boolean): Iterable<Feeds> | AsyncIterable<Feeds>;
  /** The rows for many passes, as they are. */
  batches(data: Answered): Promise<Batches>;
  /** Batches of training. `seed`: of what varies them */
  training(data: Answered, expected: Expected, seed: number): Promise<BatchSource>;
  /** Known once the training rows were looked at. */
  readonly manifest: Pick<ModelManifest, 'inputs' | 'preprocess'>;
  /** Files of the model's folder that a served model needs too. */
  readonly files: readonly string[];
}

/** Rows of a table as inputs of a graph. */
export type TableFeeds = (table: Table, rows: Int32Array) => Feeds;

export const ROWS_AT_ONCE = 256;

/** Of rows of a table. `served`: as inputs of a served graph, where that takes others */
export function ofTable(
  feeds: TableFeeds,
  served = feeds,
): Pick<Source, 'kind' | 'rowsAtOnce' | 'once' | 'batches' | 'training'> {
  const batches = (data: Answered, expected?: Expected): Batches => ({
    rows: data.rows.length,
    feeds: (places) => ({
      ...feeds(
        data.table,
        places.map((i) => data.rows[i] as number),
      ),
      ...(expected ? expectedOf(expected, places) : {}),
    }),
  });
  return {
    kind: 'table',
    rowsAtOnce: ROWS_AT_ONCE,
    *once({ table, rows }, serving) {
      const make = serving ? served : feeds;
      for (let from = 0; from < rows.length; from += ROWS_AT_ONCE)
        yield make(table, rows.subarray(from, from + ROWS_AT_ONCE));
    },
    batches: (data) => Promise.resolve(batches(data)),
    training: (data, expected) => Promise.resolve(batches(data, expected)),
  };
}
