import { Datatype } from '@strata/contracts';
import { pictureFormat } from '@strata/data';
import type { inference } from '@strata/contracts/grpc';
import { StrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import { DATATYPE, DTYPE, countOf, shapeText } from './datatypes.js';

type Contents = inference.InferTensorContents;
interface WireTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly contents: Contents | undefined;
}

const bad = (message: string, name: string): StrataError =>
  new StrataError('invalid_input', `tensor "${name}": ${message}`, { where: { field: `inputs.${name}` } });

/**
 * Tensors of a request, typed or raw (Open Inference Protocol, version 2: either all inputs raw, or none).
 * @throws StrataError `invalid_input`, naming the tensor
 */
export function requestTensors(request: inference.ModelInferRequest): Record<string, Tensor> {
  return decodeAll(request.inputs, request.rawInputContents, 'raw_input_contents');
}

/** Tensors of a response, typed or raw. */
export function responseTensors(response: inference.ModelInferResponse): Record<string, Tensor> {
  return decodeAll(response.outputs, response.rawOutputContents, 'raw_output_contents');
}

function decodeAll(tensors: readonly WireTensor[], raw: readonly Uint8Array[], field: string): Record<string, Tensor> {
  if (raw.length > 0 && raw.length !== tensors.length)
    throw new StrataError(
      'invalid_input',
      `${field} has ${raw.length} entries for ${tensors.length} tensors: give one for each, or typed contents for all`,
      { where: { field } },
    );
  const decoded: Record<string, Tensor> = {};
  for (const [i, t] of tensors.entries()) {
    if (Object.hasOwn(decoded, t.name)) throw bad('it is given twice', t.name);
    const bytes = raw[i];
    if (bytes && t.contents && used(t.contents).length > 0)
      throw bad(`it has both contents and ${field}: give one of them`, t.name);
    decoded[t.name] = decode(t, bytes);
  }
  return decoded;
}

const used = (c: Contents): (keyof Contents)[] => (Object.keys(c) as (keyof Contents)[]).filter((k) => c[k].length > 0);

function decode(t: WireTensor, raw: Uint8Array | undefined): Tensor {
  const datatype = Datatype.safeParse(t.datatype);
  if (!datatype.success) throw bad(`the datatype "${t.datatype}" is not one of ${Datatype.options.join(', ')}`, t.name);
  if (t.shape.some((d) => !Number.isSafeInteger(d) || d < 0))
    throw bad(`the shape ${shapeText(t.shape)} is not one: every size must be given, and none be negative`, t.name);
  const count = countOf(t.shape);
  const data = raw ? rawData(datatype.data, raw, count, t.name) : typedData(datatype.data, t, count);
  return { dtype: DTYPE[datatype.data], dims: [...t.shape], data };
}

/** Field of InferTensorContents that carries each datatype, and the range of the narrower ones. */
const FIELDS: Readonly<Record<Datatype, { field: keyof Contents; min?: number; max?: number } | undefined>> = {
  BOOL: { field: 'boolContents' },
  INT8: { field: 'intContents', min: -128, max: 127 },
  INT32: { field: 'intContents' },
  INT64: { field: 'int64Contents' },
  UINT8: { field: 'uintContents', max: 255 },
  FP16: undefined,
  FP32: { field: 'fp32Contents' },
  FP64: { field: 'fp64Contents' },
  BYTES: { field: 'bytesContents' },
};

function typedData(datatype: Datatype, t: WireTensor, count: number): Tensor['data'] {
  const spec = FIELDS[datatype];
  if (!spec) throw bad(`${datatype} travels only in raw_input_contents`, t.name);
  const foreign = t.contents ? used(t.contents).filter((k) => k !== spec.field) : [];
  if (foreign.length > 0)
    throw bad(`${datatype} belongs into ${snake(spec.field)}, not ${foreign.map(snake).join(', ')}`, t.name);
  const values = t.contents?.[spec.field] ?? [];
  if (values.length !== count)
    throw bad(`the shape ${shapeText(t.shape)} needs ${count} values, got ${values.length}`, t.name);
  if (datatype === 'BYTES') return (values as Uint8Array[]).map((b) => utf8(b, t.name));
  const numbers = values as number[];
  const { min = -Infinity, max = Infinity } = spec;
  for (const v of numbers) if (v < min || v > max) throw bad(`${v} is no ${datatype}`, t.name);
  switch (datatype) {
    case 'BOOL':
      return Uint8Array.from(numbers, Number);
    case 'INT8':
      return Int8Array.from(numbers);
    case 'UINT8':
      return Uint8Array.from(numbers);
    case 'INT32':
      return Int32Array.from(numbers);
    case 'INT64':
      return BigInt64Array.from(numbers, BigInt);
    case 'FP64':
      return Float64Array.from(numbers);
    default:
      return Float32Array.from(numbers);
  }
}

const snake = (field: string): string => field.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

const strict = new TextDecoder('utf-8', { fatal: true });
/** An element as text; a picture, which has no text, as its base64. */
function utf8(bytes: Uint8Array, name: string): string {
  try {
    return strict.decode(bytes);
  } catch (e) {
    if (pictureFormat(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    throw new StrataError('invalid_input', `tensor "${name}": a BYTES element is neither UTF-8 text nor a picture`, {
      cause: e,
      where: { field: `inputs.${name}` },
    });
  }
}

/** Bytes of one element on the wire; little-endian, as the memory of every processor that Node runs on. */
const WIDTH: Readonly<Record<Exclude<Datatype, 'BYTES'>, number>> = {
  BOOL: 1,
  INT8: 1,
  UINT8: 1,
  FP16: 2,
  INT32: 4,
  FP32: 4,
  INT64: 8,
  FP64: 8,
};

function rawData(datatype: Datatype, raw: Uint8Array, count: number, name: string): Tensor['data'] {
  if (datatype === 'BYTES') return rawStrings(raw, count, name);
  const bytes = count * WIDTH[datatype];
  if (raw.byteLength !== bytes)
    throw bad(`${count} values of ${datatype} are ${bytes} bytes, got ${raw.byteLength}`, name);
  // a copy: the message's buffer is shared, and may begin at an odd address
  const { buffer } = new Uint8Array(raw);
  switch (datatype) {
    case 'INT8':
      return new Int8Array(buffer);
    case 'FP16':
      return new Uint16Array(buffer);
    case 'INT32':
      return new Int32Array(buffer);
    case 'FP32':
      return new Float32Array(buffer);
    case 'INT64':
      return new BigInt64Array(buffer);
    case 'FP64':
      return new Float64Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}

/** Each element: its length in 4 bytes, little-endian, and its bytes. */
function rawStrings(raw: Uint8Array, count: number, name: string): string[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const texts: string[] = [];
  let at = 0;
  while (at < raw.byteLength) {
    const length = at + 4 <= raw.byteLength ? view.getUint32(at, true) : Infinity;
    if (at + 4 + length > raw.byteLength)
      throw bad(`the raw BYTES element ${texts.length} reaches beyond the end (byte ${at} of ${raw.byteLength})`, name);
    texts.push(utf8(raw.subarray(at + 4, at + 4 + length), name));
    at += 4 + length;
  }
  if (texts.length !== count) throw bad(`the shape needs ${count} BYTES elements, got ${texts.length}`, name);
  return texts;
}

/** One tensor as the protocol's raw bytes. */
export function toRaw(t: Tensor): Buffer {
  if (t.dtype !== 'string') {
    const data = t.data as Exclude<Tensor['data'], string[]>;
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }
  return Buffer.concat(
    (t.data as string[]).flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}

const NO_CONTENTS: Contents = {
  boolContents: [],
  intContents: [],
  int64Contents: [],
  uintContents: [],
  uint64Contents: [],
  fp32Contents: [],
  fp64Contents: [],
  bytesContents: [],
};

function toContents(t: Tensor): Contents {
  const spec = FIELDS[DATATYPE[t.dtype]];
  if (!spec) throw bad(`${DATATYPE[t.dtype]} travels only raw`, 'output');
  const values =
    t.dtype === 'string'
      ? (t.data as string[]).map((s) => Buffer.from(s))
      : t.dtype === 'bool'
        ? Array.from(t.data as Uint8Array, Boolean)
        : Array.from(t.data as ArrayLike<number | bigint>, Number);
  return { ...NO_CONTENTS, [spec.field]: values };
}

const describe = (name: string, t: Tensor) => ({
  name,
  datatype: DATATYPE[t.dtype],
  shape: [...t.dims],
  parameters: {},
  contents: undefined,
});

/** A request with raw contents: the shortest form. */
export function inferRequest(call: {
  readonly model: string;
  readonly version: string;
  readonly id?: string;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs?: readonly string[];
}): inference.ModelInferRequest {
  const inputs = Object.entries(call.inputs);
  return {
    modelName: call.model,
    modelVersion: call.version,
    id: call.id ?? '',
    parameters: {},
    inputs: inputs.map(([name, t]) => describe(name, t)),
    outputs: (call.outputs ?? []).map((name) => ({ name, parameters: {} })),
    rawInputContents: inputs.map(([, t]) => toRaw(t)),
  };
}

/** The response in the form of the request: raw to raw, typed to typed (unless an output has no typed form). */
export function inferResponse(
  call: { readonly model: string; readonly version: string; readonly id: string; readonly raw: boolean },
  outputs: Readonly<Record<string, Tensor>>,
): inference.ModelInferResponse {
  const all = Object.entries(outputs);
  const raw = call.raw || all.some(([, t]) => FIELDS[DATATYPE[t.dtype]] === undefined);
  return {
    modelName: call.model,
    modelVersion: call.version,
    id: call.id,
    parameters: {},
    outputs: all.map(([name, t]) => ({ ...describe(name, t), contents: raw ? undefined : toContents(t) })),
    rawOutputContents: raw ? all.map(([, t]) => toRaw(t)) : [],
  };
}
