import type { ModelManifest } from '@strata/contracts';
import { GraphBuilder, tensorOf, toOnnx } from '@strata/graph';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

// Three models whose every answer can be computed by hand.

function write(dir: string, graph: GraphBuilder, manifest: Partial<ModelManifest>): string {
  mkdirSync(dir, { recursive: true });
  const full: ModelManifest = {
    format: 'strata-model/1',
    task: 'other',
    recipe: 'test/test',
    recipe_version: 1,
    inputs: [],
    outputs: [],
    labels: null,
    target: null,
    preprocess: null,
    metrics: {},
    params: {},
    seed: 0,
    parameters: 0,
    opset: 21,
    ir_version: 10,
    quantization: null,
    card: { en: '', zh: '' },
    ...manifest,
  };
  writeFileSync(path.join(dir, 'model.onnx'), toOnnx(graph.build()));
  writeFileSync(path.join(dir, 'model.json'), JSON.stringify(full));
  return dir;
}

/** P(late) = σ(age − 40 + 10·[city = 'Paris']), age 40 where it is missing; classes "on time" and "late". */
export function writeClassifier(dir: string): string {
  const b = new GraphBuilder('classifier');
  const age = b.input('age', 'float32', ['N', 1]);
  const city = b.input('city', 'string', ['N', 1]);
  const filled = b.op.Where(b.op.IsNaN(age), b.constant(tensorOf('float32', [1], [40])), age);
  const paris = b.op.Cast(
    b.op.LabelEncoder(
      city,
      tensorOf('string', [1], ['Paris']),
      tensorOf('int64', [1], [1]),
      tensorOf('int64', [1], [0]),
    ),
    'float32',
  );
  const logit = b.op.Add(b.op.Sub(filled, b.scalar(40)), b.op.Mul(paris, b.scalar(10)));
  const late = b.op.Sigmoid(logit);
  const probabilities = b.op.Concat([b.op.Sub(b.scalar(1), late), late], 1);
  const label = b.op.LabelEncoder(
    b.op.ArgMax(probabilities, { axis: 1, keepdims: false }),
    tensorOf('int64', [2], [0, 1]),
    tensorOf('string', [2], ['on time', 'late']),
    tensorOf('string', [1], ['?']),
  );
  b.output('label', label);
  b.output('probabilities', probabilities);
  return write(dir, b, {
    task: 'classification',
    inputs: [
      { name: 'age', datatype: 'FP32', shape: [-1, 1] },
      { name: 'city', datatype: 'BYTES', shape: [-1, 1] },
    ],
    outputs: [
      { name: 'label', datatype: 'BYTES', shape: [-1] },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, 2] },
    ],
    labels: ['on time', 'late'],
    target: 'punctual',
  });
}

/** y = 2·x + `offset`; `busy` repeats a large product so that an execution takes a while. */
export function writeRegressor(dir: string, offset = 1, busy = 0): string {
  const b = new GraphBuilder('regressor');
  const x = b.input('x', 'float32', ['N', 1]);
  let y = b.op.Squeeze(b.op.Add(b.op.Mul(x, b.scalar(2)), b.scalar(offset)), [1]);
  if (busy > 0) {
    const size = 512;
    const big = b.op.Expand(b.op.Mul(b.op.ReduceSum(x), b.scalar(0)), [size, size]);
    let product = big;
    for (let i = 0; i < busy; i++) product = b.op.Sin(b.op.MatMul(product, big));
    y = b.op.Add(y, b.op.ReduceSum(product));
  }
  b.output('prediction', y);
  return write(dir, b, {
    task: 'regression',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
    outputs: [{ name: 'prediction', datatype: 'FP32', shape: [-1] }],
    target: 'y',
  });
}

/** A tokenizer of characters: [UNK] 0, then the letters of the alphabet in their order. */
const letters = (): string =>
  JSON.stringify({
    added_tokens: [],
    pre_tokenizer: { type: 'WhitespaceSplit' },
    model: {
      type: 'BPE',
      unk_token: '[UNK]',
      vocab: Object.fromEntries(['[UNK]', ...'abcdefghijklmnopqrstuvwxyz'].map((c, i) => [c, i])),
      merges: [],
    },
  });

function writeTokenizer(dir: string): string {
  writeFileSync(path.join(dir, 'tokenizer.json'), letters());
  return dir;
}
const tokens = { kind: 'tokenizer' as const, file: 'tokenizer.json', max_length: 6, pad_id: 26 };

/** Probability of "late" = share of letters after m among the letters of a text; padding (z, 26) does not count. */
export function writeLetterModel(dir: string): string {
  const b = new GraphBuilder('letters');
  const ids = b.input('input_ids', 'int64', ['N', 'L']);
  const mask = b.op.Cast(b.input('attention_mask', 'int64', ['N', 'L']), 'float32');
  const late = b.op.Mul(b.op.Cast(b.op.Greater(ids, b.constant(tensorOf('int64', [1], [13]))), 'float32'), mask);
  const sum = (x: typeof late): typeof late => b.op.ReduceSum(x, { axes: [1], keepdims: true });
  const share = b.op.Div(sum(late), b.op.Max(sum(mask), b.scalar(1)));
  b.output('probabilities', b.op.Concat([b.op.Sub(b.scalar(1), share), share], 1));
  const manifest = {
    task: 'classification' as const,
    inputs: [{ name: 'text', datatype: 'BYTES' as const, shape: [-1] }],
    outputs: [{ name: 'probabilities', datatype: 'FP32' as const, shape: [-1, 2] }],
    labels: ['early', 'late'],
    preprocess: tokens,
  };
  return writeTokenizer(write(dir, b, manifest));
}

/** Tags each letter: "late" after m, else "early", with certainty. */
export function writeTagger(dir: string): string {
  const b = new GraphBuilder('tagger');
  const ids = b.input('input_ids', 'int64', ['N', 'L']);
  const late = b.op.Cast(b.op.Greater(ids, b.constant(tensorOf('int64', [1], [13]))), 'int64');
  const codes = tensorOf('int64', [2], [0, 1]);
  b.output(
    'label',
    b.op.LabelEncoder(late, codes, tensorOf('string', [2], ['early', 'late']), tensorOf('string', [1], [''])),
  );
  const p = b.op.Unsqueeze(b.op.Cast(late, 'float32'), [2]);
  b.output('probabilities', b.op.Concat([b.op.Sub(b.scalar(1), p), p], 2));
  const manifest = {
    task: 'token-classification' as const,
    inputs: [{ name: 'text', datatype: 'BYTES' as const, shape: [-1] }],
    outputs: [
      { name: 'label', datatype: 'BYTES' as const, shape: [-1, -1] },
      { name: 'probabilities', datatype: 'FP32' as const, shape: [-1, -1, 2] },
      { name: 'offsets', datatype: 'INT64' as const, shape: [-1, -1, 2] },
    ],
    labels: ['early', 'late'],
    preprocess: tokens,
  };
  return writeTokenizer(write(dir, b, manifest));
}

/** Probability of "long" = k / (k + 1) for a text of k words: counts its hashed words, padding aside. */
export function writeTextModel(dir: string): string {
  const b = new GraphBuilder('text');
  const ids = b.input('ids', 'int64', ['N', 'L']);
  const words = b.op.ReduceSum(b.op.Cast(b.op.Greater(ids, b.constant(tensorOf('int64', [1], [0]))), 'float32'), {
    axes: [1],
    keepdims: true,
  });
  const long = b.op.Div(words, b.op.Add(words, b.scalar(1)));
  b.output('probabilities', b.op.Concat([b.op.Sub(b.scalar(1), long), long], 1));
  return write(dir, b, {
    task: 'classification',
    inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }],
    outputs: [{ name: 'probabilities', datatype: 'FP32', shape: [-1, 2] }],
    labels: ['short', 'long'],
    preprocess: {
      kind: 'hashed-ngrams',
      buckets: 1000,
      word_ngrams: [1, 1],
      char_ngrams: [0, 0],
      max_ngrams: 64,
      lowercase: true,
    },
  });
}
