import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetFormat, DatasetHandle, ModelHandle } from '@strata/contracts';
import {
  encodeWithin,
  hashNgramsBatch,
  loadTokenizer,
  numbersOf,
  padTokens,
  quoteList,
  textsOf,
  type Tokenizer,
} from '@strata/data';
import { tensorOf, type Graph, type GraphBuilder, type Value } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { tensor, type Tensor } from '@strata/runtime';
import { mustBePictures } from '../../shared/datasets.js';
import { textColumnOf } from '../../shared/model-rows.js';
import { TOKENIZER_FILE } from '../../shared/tokenizer.js';
import type { FineTuneOnnxParams } from './params.js';
import { pictures } from './picture-source.js';
import { ofTable, type Source } from './source.js';

const TEXTS: ReadonlySet<string> = new Set(['input_ids', 'attention_mask', 'token_type_ids', 'position_ids']);

/**
 * Finds out what a model reads, from the data, its manifest, its folder and the types of its inputs.
 * @throws StrataError `unknown_column`, `invalid_input` saying what the model takes
 */
export async function sourceOf(
  model: ModelHandle,
  graph: Graph,
  data: DatasetHandle,
  params: FineTuneOnnxParams,
  signal: AbortSignal,
): Promise<Source> {
  const { format } = data;
  const { preprocess } = model.manifest;
  if (format.format === 'images') return pictures(model, graph, data, params, signal);
  if (preprocess?.kind === 'image') mustBePictures(format, 'inputs.train');
  if (preprocess?.kind === 'hashed-ngrams') {
    const text = textColumnOf(model, format, params.text_column);
    const [ids] = graph.inputs;
    return {
      ...textSource(text),
      manifest: { inputs: [{ name: text, datatype: 'BYTES', shape: [-1] }], preprocess },
      declare: (b) => new Map([[ids?.name ?? '', b.input(ids?.name ?? 'ids', 'int64', ids?.shape ?? ['N', 'K'])]]),
      ...ofTable((table, rows) => {
        const cells = textsOf(table, text);
        const made = hashNgramsBatch(
          Array.from(rows, (r) => cells[r] ?? ''),
          preprocess,
        );
        return { [ids?.name ?? 'ids']: tensor.int64(made.ids, made.shape) };
      }),
      files: [],
    };
  }
  const ids = graph.inputs.every((i) => TEXTS.has(i.name)) && graph.inputs.some((i) => i.name === 'input_ids');
  if (preprocess?.kind === 'tokenizer' || (ids && existsSync(join(model.dir, TOKENIZER_FILE))))
    return tokens(model, graph, format, params);
  const names = new Set(format.columns.map((c) => c.name));
  const [only] = graph.inputs;
  if (graph.inputs.every((i) => names.has(i.name) && oneForEachRow(i.shape))) return columns(graph);
  if (only && graph.inputs.length === 1 && (only.dtype === 'float32' || only.dtype === 'float64'))
    return vector(only, format, params);
  throw new StrataError(
    'invalid_input',
    `the model takes ${graph.inputs.map((i) => `"${i.name}" ${i.dtype} [${i.shape.join(', ')}]`).join(', ')}: the data must have a column for each, or the model one floating input for a row of numbers${ids ? `, or a ${TOKENIZER_FILE} beside it` : ''}. The columns: ${quoteList([...names])}.`,
    { where: { field: 'inputs.model' } },
  );
}

const oneForEachRow = (shape: Graph['inputs'][number]['shape']): boolean =>
  shape.length === 1 || (shape.length === 2 && shape[1] === 1);

const textSource = (column: string): Pick<Source, 'columns' | 'learn'> => ({
  columns: { [column]: 'text' },
  learn: () => undefined,
});

/** A column of the data for each input of the model, under its name. */
function columns(graph: Graph): Source {
  return {
    columns: Object.fromEntries(graph.inputs.map((i) => [i.name, i.dtype === 'string' ? 'category' : 'number'])),
    learn: () => undefined,
    declare: (b) => new Map(graph.inputs.map((i) => [i.name, b.input(i.name, i.dtype, i.shape)])),
    ...ofTable((table, rows) =>
      Object.fromEntries(
        graph.inputs.map(({ name, dtype, shape }): [string, Tensor] => {
          const dims = shape.length === 1 ? [rows.length] : [rows.length, 1];
          if (dtype === 'string') {
            const cells = textsOf(table, name);
            return [
              name,
              tensor.string(
                Array.from(rows, (r) => cells[r] ?? ''),
                dims,
              ),
            ];
          }
          const cells = numbersOf(table, name);
          return [
            name,
            tensorOf(
              dtype,
              dims,
              Array.from(rows, (r) => cells[r] ?? NaN),
            ) as Tensor,
          ];
        }),
      ),
    ),
    manifest: {
      inputs: graph.inputs.map((i) => ({
        name: i.name,
        datatype:
          i.dtype === 'string' ? 'BYTES' : i.dtype === 'int64' ? 'INT64' : i.dtype === 'float64' ? 'FP64' : 'FP32',
        shape: i.shape.length === 1 ? [-1] : [-1, 1],
      })),
      preprocess: null,
    },
    files: [],
  };
}

const VECTOR = 'features';

/** Columns of numbers as one input; the served model takes each column by itself, so that rows can be sent to it. A gap is filled with the mean of the training rows. */
function vector(input: Graph['inputs'][number], format: DatasetFormat, params: FineTuneOnnxParams): Source {
  const numeric = format.columns.filter((c) => c.type === 'number' && c.name !== params.target).map((c) => c.name);
  const names = params.features ?? numeric;
  const inner = input.shape.slice(1);
  const width = inner.every((d) => typeof d === 'number')
    ? inner.reduce<number>((n, d) => n * Number(d), 1)
    : names.length;
  if (names.length !== width)
    throw new StrataError(
      'invalid_input',
      `the model's input "${input.name}" takes ${width} numbers for each row, the data has ${names.length} columns of numbers (${quoteList(names)}). Name those to use in features, in the order of the input.`,
      { where: { field: 'params.features' } },
    );
  const means = new Float32Array(width);
  const shaped = (b: GraphBuilder, rows: Value): Value => {
    const x = input.dtype === 'float64' ? b.op.Cast(rows, 'float64') : rows;
    return inner.length === 1 ? x : b.op.Reshape(x, [-1, ...inner.map((d) => (typeof d === 'number' ? d : width))]);
  };
  return {
    columns: Object.fromEntries(names.map((n) => [n, 'number'])),
    learn({ table, rows }) {
      names.forEach((name, k) => {
        const cells = numbersOf(table, name);
        const known = Array.from(rows, (r) => cells[r] ?? NaN).filter((v) => !Number.isNaN(v));
        means[k] = known.length === 0 ? 0 : known.reduce((a, v) => a + v, 0) / known.length;
      });
    },
    declare(b, serving) {
      if (!serving) return new Map([[input.name, shaped(b, b.input(VECTOR, 'float32', ['N', width]))]]);
      const parts = names.map((n) => b.input(n, 'float32', ['N', 1]));
      const [first, ...rest] = parts;
      if (!first)
        throw new StrataError('invalid_input', 'the model takes no numbers', { where: { field: 'inputs.model' } });
      const x = rest.length === 0 ? first : b.op.Concat([first, ...rest], 1);
      const filled = b.op.Where(b.op.IsNaN(x), b.constant(tensorOf('float32', [1, width], means)), x);
      return new Map([[input.name, shaped(b, filled)]]);
    },
    ...ofTable(
      (table, rows) => {
        const data = new Float32Array(rows.length * width);
        names.forEach((name, k) => {
          const cells = numbersOf(table, name);
          rows.forEach((r, i) => {
            const v = cells[r] ?? NaN;
            data[i * width + k] = Number.isNaN(v) ? (means[k] ?? 0) : v;
          });
        });
        return { [VECTOR]: tensor.float32(data, [rows.length, width]) };
      },
      (table, rows) =>
        Object.fromEntries(
          names.map((name) => {
            const cells = numbersOf(table, name);
            return [
              name,
              tensor.float32(
                Float32Array.from(rows, (r) => cells[r] ?? NaN),
                [rows.length, 1],
              ),
            ];
          }),
        ),
    ),
    manifest: {
      inputs: names.map((name) => ({ name, datatype: 'FP32', shape: [-1, 1] })),
      preprocess: null,
    },
    files: [],
  };
}

/** Texts through the tokenizer in the model's folder. */
async function tokens(
  model: ModelHandle,
  graph: Graph,
  format: DatasetFormat,
  params: FineTuneOnnxParams,
): Promise<Source> {
  const given = model.manifest.preprocess?.kind === 'tokenizer' ? model.manifest.preprocess : undefined;
  const file = given?.file ?? TOKENIZER_FILE;
  const tokenizer = await read(join(model.dir, file), file);
  const pad = ['[PAD]', '<pad>', '<|endoftext|>'].map((t) => tokenizer.tokenToId(t)).find((id) => id !== undefined);
  const spec = {
    kind: 'tokenizer' as const,
    file,
    max_length: given?.max_length ?? params.max_length,
    pad_id: given?.pad_id ?? pad ?? 0,
  };
  const text = textColumnOf(model, format, params.text_column);
  const wants = new Map(graph.inputs.map((i) => [i.name, i]));
  return {
    ...textSource(text),
    declare(b) {
      const values = new Map<string, Value>();
      const ids = b.input('input_ids', 'int64', ['N', 'L']);
      const as = (name: string, v: Value) => values.set(name, b.op.Cast(v, wants.get(name)?.dtype ?? 'int64'));
      as('input_ids', ids);
      if (wants.has('attention_mask')) as('attention_mask', b.input('attention_mask', 'int64', ['N', 'L']));
      // one text: all of it is of the first type
      const none = () => b.op.Sub(ids, ids);
      if (wants.has('token_type_ids')) as('token_type_ids', none());
      if (wants.has('position_ids')) {
        const one = b.op.Expand(b.scalar(1, 'int64'), b.op.Shape(ids));
        as('position_ids', b.op.CumSum(one, 1, { exclusive: true }));
      }
      return values;
    },
    ...ofTable((table, rows) => {
      const cells = textsOf(table, text);
      const made = Array.from(rows, (r) => encodeWithin(tokenizer, cells[r] ?? '', spec.max_length).ids);
      const { ids, mask, shape } = padTokens(made, spec.pad_id);
      return {
        input_ids: tensor.int64(ids, shape),
        ...(wants.has('attention_mask') ? { attention_mask: tensor.int64(mask, shape) } : {}),
      };
    }),
    manifest: { inputs: [{ name: text, datatype: 'BYTES', shape: [-1] }], preprocess: spec },
    files: [file],
  };
}

async function read(path: string, file: string): Promise<Tokenizer> {
  try {
    return loadTokenizer(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new StrataError(
      'invalid_model',
      `the model's ${file} cannot be read as a tokenizer: ${(cause as Error).message}`,
      {
        cause,
        where: { field: 'inputs.model', file },
      },
    );
  }
}
