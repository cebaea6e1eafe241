import type { ModelManifest, Prediction } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';

export type Cell = string | number | boolean | null | undefined;
/** One row as a caller sends it: values by column, or for a text model the text itself. */
export type Row = string | Readonly<Record<string, Cell>>;

type Input = ModelManifest['inputs'][number];

/**
 * Rows as the model's declared inputs: FP32 columns with NaN, BYTES columns with the empty string where a value is missing. `firstRow` numbers the rows in
 * messages.
 * @throws StrataError `unknown_column` when a row lacks a column, `invalid_input` when a value has the wrong type, both naming row and field
 */
export function tensorsOf(manifest: ModelManifest, rows: readonly Row[], firstRow = 1): Record<string, Tensor> {
  const text = textInput(manifest);
  return Object.fromEntries(
    manifest.inputs.map((input) => {
      const cell = (row: Row, i: number): Cell =>
        typeof row === 'string'
          ? textRow(row, text, manifest, i + firstRow)
          : cellOf(row, input, manifest, i + firstRow);
      return [input.name, column(input, rows.map(cell), firstRow)];
    }),
  );
}

/** The input that a bare string stands for: the only one, when it takes text. */
function textInput(manifest: ModelManifest): Input | undefined {
  const [only, ...others] = manifest.inputs;
  return only?.datatype === 'BYTES' && others.length === 0 ? only : undefined;
}

function textRow(row: string, text: Input | undefined, manifest: ModelManifest, n: number): string {
  if (text) return row;
  throw new StrataError(
    'invalid_input',
    `row ${n} is a text, but the model takes an object with the columns ${names(manifest)}`,
    { where: { field: `inputs.${n - 1}`, line: n } },
  );
}

function cellOf(row: Readonly<Record<string, Cell>>, input: Input, manifest: ModelManifest, n: number): Cell {
  const value = Object.hasOwn(row, input.name) ? row[input.name] : undefined;
  if (value !== undefined) return value;
  throw new StrataError(
    'unknown_column',
    `row ${n} has no "${input.name}". The model takes ${names(manifest)}; give null where a value is missing. The row has ${
      Object.keys(row)
        .slice(0, 40)
        .map((k) => `"${k}"`)
        .join(', ') || 'nothing'
    }`,
    { where: { field: `inputs.${n - 1}.${input.name}`, line: n, column: input.name } },
  );
}

const names = (m: ModelManifest): string => m.inputs.map((i) => `"${i.name}"`).join(', ');

function column(input: Input, cells: readonly Cell[], firstRow: number): Tensor {
  // [N, 1] for a column of a table, [N] for texts: the declared rank decides
  const dims = [cells.length, ...input.shape.slice(1).map((d) => (d < 0 ? 1 : d))];
  switch (input.datatype) {
    case 'BYTES':
      return { dtype: 'string', dims, data: cells.map((c) => (c === null || c === undefined ? '' : String(c))) };
    case 'FP32':
      return { dtype: 'float32', dims, data: Float32Array.from(cells, (c, i) => number(c, input, i + firstRow)) };
    case 'FP64':
      return { dtype: 'float64', dims, data: Float64Array.from(cells, (c, i) => number(c, input, i + firstRow)) };
    default:
      throw new StrataError(
        'invalid_model',
        `the input "${input.name}" takes ${input.datatype}, which rows cannot give: send tensors through the inference protocol`,
      );
  }
}

/** A number, a boolean as 0 or 1, a text that spells a number; NaN for null and the empty text. */
function number(cell: Cell, input: Input, n: number): number {
  if (cell === null || cell === undefined || cell === '') return NaN;
  if (typeof cell === 'number') return cell;
  if (typeof cell === 'boolean') return cell ? 1 : 0;
  const text = cell.trim();
  const value = text === '' ? NaN : Number(text);
  if (text === '' || Number.isFinite(value)) return value;
  throw new StrataError('invalid_input', `row ${n}: "${input.name}" must be a number, got "${cell.slice(0, 60)}"`, {
    where: { field: `inputs.${n - 1}.${input.name}`, line: n, column: input.name },
  });
}

/**
 * What the outputs say about each row. Taggers also need what they were given (`inputs`), to say which words their labels belong to.
 * @throws StrataError `invalid_model` when they are not those of a classifier, tagger or regressor
 */
export function predictionsOf(
  manifest: ModelManifest,
  outputs: Readonly<Record<string, Tensor>>,
  inputs: Readonly<Record<string, Tensor>> = {},
): Prediction[] {
  if (manifest.task === 'token-classification') return tagsOf(manifest, outputs, inputs);
  if (manifest.task === 'regression') {
    return Array.from(floats(outputs, 'prediction').data, (value, row) => {
      if (Number.isFinite(value)) return { value };
      throw new StrataError(
        'invalid_model',
        `the model gives ${value} for row ${row + 1}: it cannot be used for this row`,
      );
    });
  }
  if (manifest.task !== 'classification' || !manifest.labels)
    throw new StrataError('invalid_model', `a model for "${manifest.task}" gives tensors, not predictions`);
  const labels = manifest.labels;
  const { data } = floats(outputs, 'probabilities');
  const classes = labels.length;
  if (classes === 0 || data.length % classes !== 0)
    throw new StrataError('invalid_model', `the model gives ${data.length} probabilities for ${classes} classes`);
  const chosen = outputs['label']?.dtype === 'string' ? (outputs['label'].data as string[]) : undefined;
  return Array.from({ length: data.length / classes }, (_, row) => {
    const p = data.subarray(row * classes, (row + 1) * classes);
    const best = chosen ? labels.indexOf(chosen[row] ?? '') : p.indexOf(Math.max(...p));
    const label = labels[best];
    if (label === undefined)
      throw new StrataError(
        'invalid_model',
        `the model gives the label "${chosen?.[row]}", which its manifest does not list`,
      );
    return {
      label,
      probability: p[best] ?? 0,
      probabilities: Object.fromEntries(labels.map((name, i) => [name, p[i] ?? 0])),
    };
  });
}

const SPACE = /\s/u;

/** The label of each word, which is that of its first token: a word ends at white space. */
function tagsOf(
  manifest: ModelManifest,
  outputs: Readonly<Record<string, Tensor>>,
  inputs: Readonly<Record<string, Tensor>>,
): Prediction[] {
  const texts = inputs[manifest.inputs[0]?.name ?? '']?.data as readonly string[] | undefined;
  const labels = outputs['label'];
  const places = outputs['offsets'];
  if (!texts || labels?.dtype !== 'string' || !(places?.data instanceof BigInt64Array))
    throw new StrataError(
      'invalid_model',
      'a tagger gives BYTES "label" [N, L] and INT64 "offsets" [N, L, 2], and declares them in model.json',
    );
  const { data: p } = floats(outputs, 'probabilities');
  const width = labels.dims[1] ?? 0;
  const classes = manifest.labels?.length ?? 0;
  return texts.map((text, n) => {
    const tags = [];
    let next = 0;
    for (let i = 0; i < width; i++) {
      const at = n * width + i;
      let start = Number(places.data[2 * at]);
      const tokenEnd = Number(places.data[2 * at + 1]);
      // a token may begin with the space before its word
      while (start < tokenEnd && SPACE.test(text[start] as string)) start++;
      if (start < next || start >= tokenEnd) continue;
      let end = start;
      while (end < text.length && !SPACE.test(text[end] as string)) end++;
      tags.push({
        text: text.slice(start, end),
        start,
        end,
        label: (labels.data as readonly string[])[at] ?? '',
        probability: Math.max(...p.subarray(at * classes, (at + 1) * classes)),
      });
      next = end;
    }
    return { tags };
  });
}

function floats(outputs: Readonly<Record<string, Tensor>>, name: string): { data: Float32Array } {
  const t = outputs[name];
  if (t?.data instanceof Float32Array) return { data: t.data };
  throw new StrataError(
    'invalid_model',
    `the model has no FP32 output "${name}". It gives: ${Object.keys(outputs).join(', ')}`,
  );
}
