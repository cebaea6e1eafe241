import { describe, expect, it } from '@jest/globals';
import { inference } from '@strata/contracts/grpc';
import { isStrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import { inferRequest, inferResponse, requestTensors, responseTensors } from './protocol.js';

const request = (r: Parameters<typeof inference.ModelInferRequest.fromPartial>[0]): inference.ModelInferRequest =>
  inference.ModelInferRequest.decode(
    inference.ModelInferRequest.encode(inference.ModelInferRequest.fromPartial(r)).finish(),
  );
const refusal = (r: Parameters<typeof request>[0]): string => {
  try {
    requestTensors(request(r));
  } catch (e) {
    if (isStrataError(e) && e.code === 'invalid_input') return e.message;
    throw e;
  }
  return 'accepted';
};

const ALL: Record<string, Tensor> = {
  bool: { dtype: 'bool', dims: [2], data: Uint8Array.of(1, 0) },
  int8: { dtype: 'int8', dims: [3], data: Int8Array.of(-128, 0, 127) },
  uint8: { dtype: 'uint8', dims: [1, 2], data: Uint8Array.of(0, 255) },
  int32: { dtype: 'int32', dims: [2], data: Int32Array.of(-2147483648, 2147483647) },
  int64: { dtype: 'int64', dims: [2], data: BigInt64Array.of(-5n, 9007199254740991n) },
  fp32: { dtype: 'float32', dims: [2, 2], data: Float32Array.of(1.5, -0, NaN, Infinity) },
  fp64: { dtype: 'float64', dims: [1], data: Float64Array.of(0.1) },
  bytes: { dtype: 'string', dims: [3], data: ['', 'Größe 数据', '🙂'] },
  none: { dtype: 'float32', dims: [0, 4], data: new Float32Array() },
};
const HALF: Record<string, Tensor> = { fp16: { dtype: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0xfbff) } };

describe('tensors of the Open Inference Protocol', () => {
  it('come back from raw contents as they were', () => {
    const sent = inferRequest({ model: 'm', version: '2', id: 'r1', inputs: { ...ALL, ...HALF }, outputs: ['a'] });
    const received = request(sent);
    expect(received).toMatchObject({ modelName: 'm', modelVersion: '2', id: 'r1', outputs: [{ name: 'a' }] });
    expect(requestTensors(received)).toEqual({ ...ALL, ...HALF });
  });

  it('come back from typed contents as they were', () => {
    const call = { model: 'm', version: '1', id: '', raw: false };
    const typed = inferResponse(call, ALL);
    expect(typed.rawOutputContents).toEqual([]);
    expect(typed.outputs.find((o) => o.name === 'int8')?.contents?.intContents).toEqual([-128, 0, 127]);
    const decode = (r: inference.ModelInferResponse): inference.ModelInferResponse =>
      inference.ModelInferResponse.decode(inference.ModelInferResponse.encode(r).finish());
    expect(responseTensors(decode(typed))).toEqual(ALL);
    expect(responseTensors(decode(inferResponse({ ...call, raw: true }, ALL)))).toEqual(ALL);
    // FP16 has no typed form: then everything is raw
    const half = inferResponse(call, { ...ALL, ...HALF });
    expect(half.rawOutputContents).toHaveLength(10);
    expect(responseTensors(decode(half))).toEqual({ ...ALL, ...HALF });
  });

  it('are little-endian, BYTES with four bytes of length', () => {
    // hand-written from the specification's text
    const raw = (datatype: string, shape: number[], hex: string): Tensor | undefined =>
      requestTensors(
        request({ inputs: [{ name: 'x', datatype, shape }], rawInputContents: [Buffer.from(hex, 'hex')] }),
      )['x'];
    expect(raw('FP32', [2], '0000803f000000c0')?.data).toEqual(Float32Array.of(1, -2));
    expect(raw('INT64', [1], '0100000000000080')?.data).toEqual(BigInt64Array.of(-9223372036854775807n));
    expect(raw('BYTES', [2], '0200000068690000' + '0000')?.data).toEqual(['hi', '']);
  });

  it('are refused when they contradict themselves', () => {
    const one = Buffer.from('0000803f', 'hex');
    const x = { name: 'x', datatype: 'FP32', shape: [1] };
    expect(refusal({ inputs: [{ ...x, contents: { fp32Contents: [1] } }], rawInputContents: [one] })).toMatch(
      /both contents and raw_input_contents/,
    );
    expect(refusal({ inputs: [x, { ...x, name: 'y' }], rawInputContents: [one] })).toMatch(/1 entries for 2 tensors/);
    expect(refusal({ inputs: [x, x], rawInputContents: [one, one] })).toMatch(/"x": it is given twice/);
    expect(refusal({ inputs: [{ ...x, datatype: 'FLOAT' }], rawInputContents: [one] })).toMatch(
      /datatype "FLOAT" is not one of BOOL/,
    );
    expect(refusal({ inputs: [{ ...x, shape: [-1] }], rawInputContents: [one] })).toMatch(/shape \[-1\] is not one/);
    expect(refusal({ inputs: [{ ...x, shape: [2] }], rawInputContents: [one] })).toMatch(/are 8 bytes, got 4/);
    expect(refusal({ inputs: [{ ...x, shape: [2], contents: { fp32Contents: [1] } }] })).toMatch(
      /needs 2 values, got 1/,
    );
    expect(refusal({ inputs: [x] })).toMatch(/needs 1 values, got 0/);
    expect(refusal({ inputs: [{ ...x, shape: [1e9, 1e9] }] })).toMatch(/is not one|needs/);
    expect(refusal({ inputs: [{ ...x, contents: { fp64Contents: [1] } }] })).toMatch(
      /FP32 belongs into fp32_contents, not fp64_contents/,
    );
    expect(refusal({ inputs: [{ ...x, datatype: 'FP16', contents: { fp32Contents: [1] } }] })).toMatch(
      /FP16 travels only in raw_input_contents/,
    );
    expect(refusal({ inputs: [{ ...x, datatype: 'INT8', contents: { intContents: [128] } }] })).toMatch(
      /128 is no INT8/,
    );
    const bytes = { name: 't', datatype: 'BYTES', shape: [1] };
    expect(refusal({ inputs: [bytes], rawInputContents: [Buffer.from('05000000aa', 'hex')] })).toMatch(
      /element 0 reaches beyond the end/,
    );
    expect(refusal({ inputs: [bytes], rawInputContents: [Buffer.from('0500', 'hex')] })).toMatch(/beyond the end/);
    expect(refusal({ inputs: [bytes], rawInputContents: [Buffer.alloc(0)] })).toMatch(/needs 1 BYTES elements, got 0/);
    expect(refusal({ inputs: [{ ...bytes, contents: { bytesContents: [Buffer.from([0xff])] } }] })).toMatch(
      /neither UTF-8/,
    );
  });
});
