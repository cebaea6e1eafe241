import { StrataError } from '@strata/kernel';
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
import { isSymbolName, unknownDim } from './dims.js';
import { expandCalls, type Body } from './expand.js';
import { dtypeFromOnnx } from './onnx-types.js';
import { BYTES, elements, fromBytes, tensor, tensorOf } from './tensor.js';
import type { Attr, DType, Dim, Graph, Node, TensorData, ValueInfo } from './types.js';
import { subgraphs } from './uses.js';
import { verify } from './verify.js';

/** Reads `length` bytes (all, when absent) at `offset` of a file named by the model; the reader must refuse files outside the model's folder. */
export type ReadExternal = (location: string, offset: number, length: number | undefined) => Uint8Array;

const invalid = (problem: string, cause?: unknown): StrataError =>
  new StrataError('invalid_onnx', problem, cause === undefined ? {} : { cause });

interface Reader {
  readonly readExternal: ReadExternal | undefined;
  readonly opset: number;
  readonly domains: ReadonlyMap<string, number>;
  /** What attributes that refer to those of a function stand for; only inside a function. */
  readonly attributes?: Readonly<Record<string, Attr>>;
}

function dtypeOf(n: number, what: string): DType {
  const dtype = dtypeFromOnnx(n);
  if (!dtype) throw invalid(`${what} has the ONNX element type ${n}, which Strata does not carry`);
  return dtype;
}

/** A size of the file as a number that JavaScript can count with. */
function size(v: bigint, what: string): number {
  if (v < 0n || v > 2n ** 40n) throw invalid(`${what} has the size ${v}`);
  return Number(v);
}

function externalBytes(p: TensorProto, r: Reader): Uint8Array {
  const entries = new Map(p.externalData.map((e) => [e.key, e.value]));
  const location = entries.get('location');
  if (!location) throw invalid(`the tensor "${p.name}" lies in another file, but the model does not say which`);
  const count = (key: string): number | undefined => {
    const text = entries.get(key);
    if (text === undefined) return undefined;
    const n = Number(text);
    if (!Number.isSafeInteger(n) || n < 0)
      throw invalid(`the tensor "${p.name}" has the ${key} "${text}" in its external data`);
    return n;
  };
  if (!r.readExternal)
    throw invalid(
      `the tensor "${p.name}" lies in the file "${location}"; read the model with loadOnnx, from a folder that holds both`,
    );
  return r.readExternal(location, count('offset') ?? 0, count('length'));
}

function toTensor(p: TensorProto, r: Reader): TensorData {
  const what = `the tensor "${p.name}"`;
  const dtype = dtypeOf(p.dataType, what);
  const dims = p.dims.map((d) => size(d, what));
  const n = elements(dims);
  if (p.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    if (dtype === 'string') throw invalid(`${what} holds strings, which cannot lie in another file`);
    return fromBytes(dtype, dims, externalBytes(p, r).subarray(0, n * BYTES[dtype]));
  }
  if (dtype === 'string')
    return checked(
      dtype,
      dims,
      p.stringData.map((s) => s.toString('utf8')),
      what,
    );
  if (p.rawData !== undefined) return fromBytes(dtype, dims, p.rawData);
  // typed fields: halves and 8- and 16-bit types share int32_data, unsigned 32-bit shares uint64_data
  if (dtype === 'float16' || dtype === 'bfloat16') {
    if (p.int32Data.length !== n)
      throw invalid(`${what} of shape [${dims.join(', ')}] holds ${p.int32Data.length} values`);
    return tensor(dtype, dims, Uint16Array.from(p.int32Data));
  }
  const field =
    dtype === 'float32'
      ? p.floatData
      : dtype === 'float64'
        ? p.doubleData
        : dtype === 'int64'
          ? p.int64Data
          : dtype === 'uint64' || dtype === 'uint32'
            ? p.uint64Data
            : p.int32Data;
  return checked(dtype, dims, field, what);
}

function checked(
  dtype: DType,
  dims: readonly number[],
  values: readonly (number | bigint | string)[],
  what: string,
): TensorData {
  if (values.length !== elements(dims))
    throw invalid(`${what} of shape [${dims.join(', ')}] holds ${values.length} values`);
  return tensorOf(dtype, dims, values);
}

function toAttr(p: AttributeProto, node: string, r: Reader): Attr {
  switch (p.type) {
    case T.INT:
      return { type: 'int', value: Number(p.i ?? 0n) };
    case T.FLOAT:
      return { type: 'float', value: p.f ?? 0 };
    case T.STRING:
      return { type: 'string', value: (p.s ?? Buffer.alloc(0)).toString('utf8') };
    case T.INTS:
      return { type: 'ints', value: p.ints.map(Number) };
    case T.FLOATS:
      return { type: 'floats', value: p.floats };
    case T.STRINGS:
      return { type: 'strings', value: p.strings.map((s) => s.toString('utf8')) };
    case T.TENSOR:
      if (p.t) return { type: 'tensor', value: toTensor(p.t, r) };
      break;
    case T.TENSORS:
      return { type: 'tensors', value: p.tensors.map((t) => toTensor(t, r)) };
    case T.GRAPH:
      if (p.g) return { type: 'graph', value: toGraph(p.g, r, true) };
      break;
    case T.GRAPHS:
      return { type: 'graphs', value: p.graphs.map((g) => toGraph(g, r, true)) };
    default:
      break;
  }
  throw invalid(`the attribute "${p.name}" of node "${node}" has a form that Strata does not read (type ${p.type})`);
}

function toNode(p: NodeProto, index: number, r: Reader): Node {
  if (!p.opType) throw invalid(`node ${index} of the model has no operator`);
  const name = p.name || p.output.find((o) => o !== '') || `${p.opType}_${index}`;
  return {
    op: p.opType,
    // functions of one name that differ in their overload are told apart by the domain: no operator has one
    domain: (p.domain === 'ai.onnx' ? '' : p.domain) + (p.overload ? `#${p.overload}` : ''),
    name,
    inputs: p.input,
    outputs: p.output,
    attrs: Object.fromEntries(
      p.attribute.flatMap((a) => {
        const attr = a.refAttrName ? r.attributes?.[a.refAttrName] : toAttr(a, name, r);
        return attr ? [[a.name, attr]] : [];
      }),
    ),
  };
}

function toValueInfo(p: ValueInfoProto): ValueInfo | undefined {
  if (p.type?.value?.$case !== 'tensorType') return undefined;
  const { elemType, shape } = p.type.value.value;
  if (!shape) return undefined;
  const dims = shape.dim.map((d, axis): Dim => {
    if (d.value?.$case === 'dimValue') return d.value.value < 0n ? unknownDim(p.name, axis) : Number(d.value.value);
    const symbol = d.value?.$case === 'dimParam' ? d.value.value : '';
    // a symbol of another notation stays one opaque symbol
    return symbol === ''
      ? unknownDim(p.name, axis)
      : isSymbolName(symbol)
        ? symbol
        : `(${symbol.replaceAll(/[()]/g, '_')})`;
  });
  return { name: p.name, dtype: dtypeOf(elemType, `"${p.name}"`), shape: dims };
}

/** What a subgraph does not say about an input or output follows from the node that holds it. */
const open = (p: ValueInfoProto): ValueInfo => ({ name: p.name, dtype: 'float32', shape: [], undeclared: true });

function toGraph(p: GraphProto, r: Reader, inner = false): Graph {
  const absent = (i: ValueInfoProto, what: string) => (inner ? open(i) : missing(i, what));
  const initializers = new Map(p.initializer.map((t) => [t.name, toTensor(t, r)]));
  // files of IR version 3 and below list constants among the inputs too
  const inputs = p.input.filter((i) => !initializers.has(i.name)).map((i) => toValueInfo(i) ?? absent(i, 'input'));
  const outputs = p.output.map((o) => toValueInfo(o) ?? absent(o, 'output'));
  return {
    name: p.name || 'graph',
    inputs,
    outputs,
    nodes: p.node.map((n, i) => toNode(n, i, r)),
    initializers,
    opset: r.opset,
    domains: r.domains,
  };
}

/** What each function of the model stands for, by domain and name. Attributes of the call are put in when it is known. */
function functionsOf(model: ModelProto, r: Reader): (node: Node) => Body | undefined {
  const byName = new Map(model.functions.map((f) => [`${f.domain}${f.overload ? `#${f.overload}` : ''}/${f.name}`, f]));
  for (const f of model.functions)
    for (const { domain, version } of f.opsetImport)
      if ((domain === '' || domain === 'ai.onnx') && version !== BigInt(r.opset))
        throw invalid(
          `the function "${f.name}" is written for operator set ${version}, the model for ${r.opset}; export it with one operator set`,
        );
  return (node) => {
    const f = byName.get(`${node.domain}/${node.op}`);
    if (!f) return undefined;
    const defaults = Object.fromEntries(f.attributeProto.map((a) => [a.name, toAttr(a, f.name, r)]));
    const inside: Reader = { ...r, attributes: { ...defaults, ...node.attrs } };
    return {
      inputs: f.input.map((name) => ({ name })),
      outputs: f.output.map((name) => ({ name })),
      nodes: f.node.map((n, i) => toNode(n, i, inside)),
      initializers: new Map(),
    };
  };
}

/** The model with its functions put in the place of their calls, and without their domains. */
function inlined(graph: Graph, model: ModelProto, r: Reader): Graph {
  if (model.functions.length === 0) return graph;
  const whole = expandCalls(graph, functionsOf(model, r));
  const used = new Set<string>();
  const look = (g: Graph): void => {
    for (const n of g.nodes) {
      used.add(n.domain);
      subgraphs(n).forEach(look);
    }
  };
  look(whole);
  return { ...whole, domains: new Map([...whole.domains].filter(([d]) => used.has(d))) };
}

function missing(p: ValueInfoProto, what: string): never {
  throw invalid(
    p.type?.value?.$case === 'tensorType'
      ? `the ${what} "${p.name}" of the model has no shape; export the model with shapes`
      : `the ${what} "${p.name}" of the model is not a tensor, which Strata does not use`,
  );
}

/**
 * Reads an ONNX file.
 * @param options.readExternal gives the bytes of tensors that lie in other files; `loadOnnx` of `@strata/graph/onnx` brings one
 * @throws StrataError `invalid_onnx` when the bytes are not a model that can be used; `external_data_outside` from the reader
 */
export function fromOnnx(bytes: Uint8Array, options: { readExternal?: ReadExternal } = {}): Graph {
  const model = decode(bytes);
  if (!model.graph || model.irVersion === 0n || model.opsetImport.length === 0)
    throw invalid(
      'the file is not an ONNX model: it holds no graph. Upload the .onnx file itself, not an archive or a text',
    );
  const versions = new Map(
    model.opsetImport.map((o) => [
      o.domain === 'ai.onnx' ? '' : o.domain,
      size(o.version, `operator set "${o.domain}"`),
    ]),
  );
  const opset = versions.get('') ?? 1;
  versions.delete('');
  // operators of the model's functions may come from domains that only these name
  for (const f of model.functions)
    for (const { domain, version } of f.opsetImport)
      if (domain !== '' && domain !== 'ai.onnx' && !versions.has(domain)) versions.set(domain, Number(version));
  const reader: Reader = { readExternal: options.readExternal, opset, domains: versions };
  try {
    return verify(inlined(toGraph(model.graph, reader), model, reader));
  } catch (cause) {
    if (cause instanceof StrataError && cause.code === 'invalid_graph')
      throw new StrataError('invalid_onnx', `the model breaks a rule of ONNX: ${cause.message}`, {
        cause,
        ...(cause.where ? { where: cause.where } : {}),
      });
    throw cause;
  }
}

function decode(bytes: Uint8Array): ModelProto {
  try {
    return ModelProto.decode(bytes);
  } catch (cause) {
    throw invalid('the file is not an ONNX model: its bytes are not protocol buffers, or it is cut short', cause);
  }
}
