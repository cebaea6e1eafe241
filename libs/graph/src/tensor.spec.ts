import { describe, expect, it } from '@jest/globals';
import { byteLength, fromBytes, fromHalf, tensor, tensorBy, tensorOf, toBytes, toHalf, toNumbers } from './tensor.js';

describe('halves (IEEE 754 binary16)', () => {
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65520, 0x7c00], // a tie between the largest half and infinity goes to even
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000], // a tie between 0 and the smallest half
    [1 + 2 ** -11, 0x3c00], // ties to even
    [1 + 3 * 2 ** -11, 0x3c02],
    [Infinity, 0x7c00],
  ])('%p is %p', (x, bits) => expect(toHalf(x)).toBe(bits));

  it('come back from all finite bit patterns', () => {
    for (let bits = 0; bits < 0x10000; bits++)
      if ((bits & 0x7c00) !== 0x7c00) expect(toHalf(fromHalf(bits))).toBe(bits);
    expect(fromHalf(0x7e00)).toBeNaN();
  });
});

describe('tensors', () => {
  it('refuse a length that does not fit', () => {
    expect(() => tensor('float32', [2, 3], new Float32Array(5))).toThrow('shape [2, 3] needs 6 values, not 5');
    expect(() => fromBytes('float32', [2], new Uint8Array(7))).toThrow('needs 8 bytes, not 7');
  });

  it('read bytes at odd offsets', () => {
    const bytes = new Uint8Array(13);
    bytes.set(toBytes(tensorOf('float32', [3], [1, -2, 0.5])), 1);
    expect(toNumbers(fromBytes('float32', [3], bytes.subarray(1)))).toEqual([1, -2, 0.5]);
  });

  it.each(['float32', 'float16', 'int64'] as const)('%s: take what a function gives, in order', (dtype) => {
    let n = 0;
    expect(toNumbers(tensorBy(dtype, [2, 3], () => ++n))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('convert between types', () => {
    // a third is no float32: it is rounded as a store to memory rounds
    const third = new Float32Array(1);
    third[0] = 1 / 3;
    expect(toNumbers(tensorOf('float32', [3], [1 / 3, 7n, true]))).toEqual([third[0], 7, 1]);
    expect(toNumbers(tensorOf('int64', [2], [3, -4]))).toEqual([3, -4]);
    expect(toNumbers(tensorOf('float16', [1], [0.1]))).toEqual([0.0999755859375]);
    expect(toNumbers(tensorOf('bfloat16', [2], [1, 3.14159]))).toEqual([1, 3.140625]);
    expect(byteLength(tensorOf('string', [2], ['a', '中']))).toBe(4);
  });
});
