import {
  AttributeProto_AttributeType as T,
  ModelProto,
  TensorProto_DataLocation,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './gen/onnx.js';
import { isSymbolName } from './dims.js';
import { DTYPE_TO_ONNX } from './onnx-types.js';
import { inferValues } from './infer.js';
import { plainGraph } from './ops/custom-gradient.js';
import { toBytes } from './tensor.js';
import type { Attr, Graph, Node, TensorData, ValueInfo } from './types.js';

export interface OnnxOptions {
  /** Version of the file format; 10 goes with operator set 21. */
  readonly irVersion?: number;
  /** Key-value pairs kept in the model (`metadata_props`). */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly producer?: { readonly name: string; readonly version: string };
}

const bytes = (s: string): Buffer => Buffer.from(s, 'utf8');
const MAX_INT64 = 2n ** 63n - 1n;
/** Numbers beyond the range of int64 stand for "to the end" and are clamped. */
function int(n: number): bigint {
  const v = BigInt(n);
  return v > MAX_INT64 ? MAX_INT64 : v < -MAX_INT64 - 1n ? -MAX_INT64 - 1n : v;
}

/** Where a constant lies outside of the model's own file. */
export interface External {
  /** Name of the data file, relative to the model's folder. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

function tensorProto(name: string, t: TensorData, external?: External): TensorProto {
  const strings = t.dtype === 'string';
  if (external)
    return {
      ...tensorProto(name, { ...t, dims: [0], data: new Uint8Array() }),
      dims: t.dims.map(BigInt),
      rawData: undefined,
      externalData: Object.entries(external).map(([key, value]) => ({ key, value: String(value) })),
      dataLocation: TensorProto_DataLocation.EXTERNAL,
    };
  return {
    name,
    dims: t.dims.map(BigInt),
    dataType: DTYPE_TO_ONNX[t.dtype],
    rawData: strings ? undefined : Buffer.from(toBytes(t).buffer, toBytes(t).byteOffset, toBytes(t).byteLength),
    stringData: strings ? (t.data as readonly string[]).map(bytes) : [],
    floatData: [],
    int32Data: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
    docString: '',
    externalData: [],
    dataLocation: TensorProto_DataLocation.DEFAULT,
  };
}

function attributeProto(name: string, a: Attr): AttributeProto {
  const base: AttributeProto = {
    name,
    floats: [],
    ints: [],
    strings: [],
    tensors: [],
    graphs: [],
    docString: '',
    type: T.UNDEFINED,
    refAttrName: '',
  };
  switch (a.type) {
    case 'int':
      return { ...base, type: T.INT, i: int(a.value) };
    case 'float':
      return { ...base, type: T.FLOAT, f: a.value };
    case 'string':
      return { ...base, type: T.STRING, s: bytes(a.value) };
    case 'tensor':
      return { ...base, type: T.TENSOR, t: tensorProto('', a.value) };
    case 'graph':
      return { ...base, type: T.GRAPH, g: graphProto(a.value) };
    case 'ints':
      return { ...base, type: T.INTS, ints: a.value.map(int) };
    case 'floats':
      return { ...base, type: T.FLOATS, floats: [...a.value] };
    case 'strings':
      return { ...base, type: T.STRINGS, strings: a.value.map(bytes) };
    case 'tensors':
      return { ...base, type: T.TENSORS, tensors: a.value.map((t) => tensorProto('', t)) };
    case 'graphs':
      return { ...base, type: T.GRAPHS, graphs: a.value.map((g) => graphProto(g)) };
  }
}

function nodeProto(n: Node): NodeProto {
  return {
    name: n.name,
    opType: n.op,
    domain: n.domain,
    input: [...n.inputs],
    output: [...n.outputs],
    attribute: Object.entries(n.attrs).map(([name, a]) => attributeProto(name, a)),
    docString: '',
    overload: '',
  };
}

function valueInfoProto(v: ValueInfo): ValueInfoProto {
  const dim = v.shape.map((d) => ({
    denotation: '',
    // expressions and unknowns are Strata's own notation: another tool gets an open size
    value:
      typeof d === 'number'
        ? ({ $case: 'dimValue', value: BigInt(d) } as const)
        : isSymbolName(d)
          ? ({ $case: 'dimParam', value: String(d) } as const)
          : undefined,
  }));
  return {
    name: v.name,
    docString: '',
    type: v.undeclared
      ? undefined
      : {
          denotation: '',
          value: { $case: 'tensorType', value: { elemType: DTYPE_TO_ONNX[v.dtype], shape: { dim } } },
        },
  };
}

function graphProto(g: Graph, external?: ReadonlyMap<string, External>): GraphProto {
  return {
    name: g.name,
    docString: '',
    node: g.nodes.map(nodeProto),
    initializer: [...g.initializers].map(([name, t]) => tensorProto(name, t, external?.get(name))),
    input: g.inputs.map(valueInfoProto),
    output: g.outputs.map(valueInfoProto),
    valueInfo: [],
  };
}

/**
 * Values whose sizes ONNX's own inference loses: a Reshape with -1 or by a computed shape, an Expand. ONNX Runtime would give each such size a new name, and search all names again at every
 * node behind it, which takes seconds in graphs of thousands of nodes.
 */
function knownShapes(graph: Graph): ValueInfo[] {
  const losing = graph.nodes.filter((n) => n.domain === '' && (n.op === 'Reshape' || n.op === 'Expand'));
  if (losing.length === 0) return [];
  const values = inferValues(graph);
  const declared = new Set(graph.outputs.map((o) => o.name));
  return losing.flatMap((n) => {
    const v = values.get(n.outputs[0] ?? '');
    const named =
      v?.shape.some((d) => typeof d === 'string') && v.shape.every((d) => typeof d === 'number' || isSymbolName(d));
    return v && named && !declared.has(v.name) ? [{ name: v.name, dtype: v.dtype, shape: v.shape }] : [];
  });
}

/**
 * The bytes of an ONNX file.
 * @see https://github.com/onnx/onnx/blob/main/docs/IR.md
 */
export const toOnnx = (graph: Graph, options: OnnxOptions = {}): Uint8Array => encode(graph, options);

/** As `toOnnx`; the constants named in `external` are not written but pointed to. */
export function encode(graph: Graph, options: OnnxOptions, external?: ReadonlyMap<string, External>): Uint8Array {
  const plain = plainGraph(graph);
  return ModelProto.encode({
    irVersion: BigInt(options.irVersion ?? 10),
    producerName: options.producer?.name ?? 'strata',
    producerVersion: options.producer?.version ?? '',
    domain: '',
    modelVersion: 0n,
    docString: '',
    graph: { ...graphProto(plain, external), valueInfo: knownShapes(plain).map(valueInfoProto) },
    opsetImport: [['', graph.opset] as const, ...plain.domains].map(([domain, version]) => ({
      domain,
      version: BigInt(version),
    })),
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
    functions: [],
  }).finish();
}
