import type { Weights } from '@strata/training';

/**
 * Float32 tensors in the safetensors format: a little-endian uint64 with the size of the header, the header in JSON (padded with spaces to a multiple of 8), the numbers.
 * @see https://github.com/huggingface/safetensors#format
 */
export function safetensors(weights: Weights, metadata: Readonly<Record<string, string>>): Uint8Array {
  const names = Object.keys(weights).sort();
  const header: Record<string, unknown> = { __metadata__: metadata };
  let at = 0;
  for (const name of names) {
    const t = weights[name];
    if (!t) continue;
    header[name] = { dtype: 'F32', shape: [...t.dims], data_offsets: [at, at + t.data.byteLength] };
    at += t.data.byteLength;
  }
  const json = JSON.stringify(header);
  const head = Buffer.from(
    json.padEnd(8 * Math.ceil(Buffer.byteLength(json) / 8) - Buffer.byteLength(json) + json.length),
  );
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(head.length));
  const data = names.map((name) => {
    const values = weights[name]?.data ?? new Float32Array();
    return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  });
  return Buffer.concat([size, head, ...data]);
}
