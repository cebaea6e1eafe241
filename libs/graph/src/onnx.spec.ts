import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GraphBuilder } from './builder.js';
import { fromOnnx } from './from-onnx.js';
import { ModelProto, TensorProto_DataLocation } from './gen/onnx.js';
import { loadOnnx, loadOnnxFiles } from './onnx.js';
import { tensorOf, toBytes, toNumbers } from './tensor.js';
import { toOnnx } from './to-onnx.js';
import type { DType, Graph } from './types.js';

const NUMERIC: DType[] = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
  'bool',
];

function everything(): Graph {
  const b = new GraphBuilder('everything');
  const x = b.input('x', 'float32', ['N', 3]);
  const names = b.input('names', 'string', ['N']);
  b.output(
    'ids',
    b.op.LabelEncoder(
      names,
      tensorOf('string', [2], ['à', '中']),
      tensorOf('int64', [2], [1, 2]),
      tensorOf('int64', [1], [-1]),
    ),
  );
  b.output(
    'y',
    b.op.Gemm(x, b.initializer('w', tensorOf('float32', [3, 2], [1, 2, 3, 4, 5, 6])), undefined, { alpha: 0.5 }),
  );
  b.output('z', b.op.Clip(x, undefined, b.scalar(2)));
  b.output('f', b.op.ConstantOfShape(b.op.Shape(x), tensorOf('float64', [1], [7])));
  b.output('t', b.op.Transpose(x, [1, 0]));
  for (const dtype of NUMERIC)
    b.output(`${dtype}_out`, b.op.Identity(b.initializer(dtype, tensorOf(dtype, [2], [1, 0]))));
  b.output('s', b.op.Identity(b.initializer('strings', tensorOf('string', [2], ['', '中文']))));
  return b.build();
}

describe('the file format', () => {
  it('keeps everything on a round trip', () => {
    const g = everything();
    expect(fromOnnx(toOnnx(g))).toEqual(g);
  });

  it('writes version, operator sets and metadata', () => {
    const model = ModelProto.decode(toOnnx(everything(), { irVersion: 9, metadata: { task: 'test' } }));
    expect(model.irVersion).toBe(9n);
    expect(model.opsetImport).toEqual([
      expect.objectContaining({ domain: '', version: 21n }),
      expect.objectContaining({ domain: 'ai.onnx.ml', version: 4n }),
    ]);
    expect(model.metadataProps).toEqual([expect.objectContaining({ key: 'task', value: 'test' })]);
  });

  it('clamps "to the end" to int64', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N']);
    b.output('y', b.node('Custom', [x], { end: { type: 'int', value: 2 ** 63 } }, { domain: 'd', types: [x] })[0]!);
    const attr = ModelProto.decode(toOnnx(b.build())).graph?.node[0]?.attribute[0];
    expect(attr?.i).toBe(2n ** 63n - 1n);
  });

  it('reads typed fields as well as raw data, and constants listed among the inputs', () => {
    const model = ModelProto.decode(toOnnx(everything()));
    for (const t of model.graph?.initializer ?? []) {
      if (t.name === 'w') {
        t.rawData = undefined;
        t.floatData = [1, 2, 3, 4, 5, 6];
      }
      if (t.name === 'int8') {
        t.rawData = undefined;
        t.int32Data = [1, 0];
      }
      if (t.name === 'float16') {
        t.rawData = undefined;
        t.int32Data = [0x3c00, 0];
      }
    }
    model.graph?.input.push(...model.graph.output.slice(1, 2).map((o) => ({ ...o, name: 'w' })));
    expect(fromOnnx(ModelProto.encode(model).finish())).toEqual(everything());
  });
});

describe('files that are no model', () => {
  const good = toOnnx(everything());
  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'holds no graph'],
    ['a text', Buffer.from('age,income\n39,<=50K\n'), 'not an ONNX model'],
    ['an archive', Buffer.from('504b03041400000008000000210000', 'hex'), 'not an ONNX model'],
    ['a picture', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), 'not an ONNX model'],
    ['a model cut short', good.subarray(0, good.length - 40), 'cut short'],
  ])('%s is refused with a sentence', (_, bytes, message) => {
    expect(() => fromOnnx(bytes)).toThrow(expect.objectContaining({ code: 'invalid_onnx' }));
    expect(() => fromOnnx(bytes)).toThrow(message);
  });

  it('random bytes never give anything but invalid_onnx', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const bytes = Uint8Array.from({ length: 1 + (seed % 97) }, (_, i) =>
        Math.floor(Math.abs(Math.sin(seed * 37.1 + i * 11.7)) * 256),
      );
      expect(() => fromOnnx(bytes)).toThrow(expect.objectContaining({ code: 'invalid_onnx' }));
    }
  });

  it('a damaged model gives an error of Strata or a graph', () => {
    for (let at = 0; at < good.length; at += 7) {
      const bytes = good.slice();
      bytes[at] = (bytes[at] ?? 0) ^ 0x55;
      try {
        fromOnnx(bytes);
      } catch (e) {
        expect(e).toMatchObject({ code: expect.stringMatching(/^invalid_(onnx|graph)$|^unsupported_operator$/) });
      }
    }
  });

  it('a model that breaks a rule says which', () => {
    const g = everything();
    expect(() => fromOnnx(toOnnx({ ...g, nodes: [...g.nodes].reverse() }))).toThrow('the model breaks a rule of ONNX');
    expect(() => fromOnnx(toOnnx({ ...g, initializers: new Map() }))).toThrow('which nothing makes');
  });
});

describe('external data', () => {
  let dir: string;
  const weights = tensorOf('float32', [4], [1, -2, 3, -4]);
  /** A model whose only constant lies in another file. */
  function externalModel(entries: Record<string, string>): string {
    const b = new GraphBuilder();
    b.output('y', b.op.Identity(b.initializer('w', weights)));
    const model = ModelProto.decode(toOnnx(b.build()));
    const t = model.graph!.initializer[0]!;
    t.rawData = undefined;
    t.dataLocation = TensorProto_DataLocation.EXTERNAL;
    t.externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
    const path = join(dir, 'model', 'model.onnx');
    writeFileSync(path, ModelProto.encode(model).finish());
    return path;
  }
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'strata-onnx-'));
    mkdirSync(join(dir, 'model', 'sub'), { recursive: true });
    mkdirSync(join(dir, 'model-2'));
    const bytes = new Uint8Array(24);
    bytes.set(toBytes(weights), 8);
    for (const f of ['model/w.bin', 'model/sub/w.bin', 'secret.bin', 'model-2/w.bin'])
      writeFileSync(join(dir, f), bytes);
    symlinkSync('../secret.bin', join(dir, 'model', 'link.bin'));
    symlinkSync('w.bin', join(dir, 'model', 'inner.bin'));
    symlinkSync('..', join(dir, 'model', 'up'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  it.each(['w.bin', './w.bin', 'sub/w.bin', 'inner.bin'])('is read from %s beside the model', (location) => {
    const g = loadOnnx(externalModel({ location, offset: '8', length: '16' }));
    expect(toNumbers(g.initializers.get('w')!)).toEqual([1, -2, 3, -4]);
  });

  it('says which files a model has', () => {
    expect(loadOnnxFiles(externalModel({ location: './sub/w.bin', offset: '8', length: '16' })).files).toEqual([
      join('sub', 'w.bin'),
    ]);
  });

  it.each([
    '../secret.bin',
    '../model-2/w.bin',
    'sub/../../secret.bin',
    '/etc/passwd',
    'link.bin',
    'up/secret.bin',
    '..\\secret.bin',
    'C:\\secret.bin',
    'a\0b',
    '..',
    '.',
  ])('refuses %p', (location) => {
    expect(() => loadOnnx(externalModel({ location, offset: '8', length: '16' }))).toThrow(
      expect.objectContaining({ code: 'external_data_outside' }),
    );
  });

  it.each<[Record<string, string>, string]>([
    [{ location: 'missing.bin' }, 'is not in its folder'],
    [{}, 'does not say which'],
    [{ location: 'w.bin', offset: '-1' }, 'has the offset "-1"'],
    [{ location: 'w.bin', offset: '16', length: '16' }, 'wants 16 bytes at 16'],
    [{ location: 'w.bin', offset: '8', length: '8' }, 'needs 16 bytes, not 8'],
  ])('refuses %p', (entries, message) => {
    const path = externalModel(entries);
    expect(() => loadOnnx(path)).toThrow(expect.objectContaining({ code: 'invalid_onnx' }));
    expect(() => loadOnnx(path)).toThrow(message);
  });

  it('is refused where only bytes are given', () => {
    const bytes = readFileSync(externalModel({ location: 'w.bin' }));
    expect(() => fromOnnx(bytes)).toThrow('lies in the file "w.bin"; read the model with loadOnnx');
  });
});
