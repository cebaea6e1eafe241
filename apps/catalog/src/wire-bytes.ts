import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import { catalog } from '@strata/contracts/grpc';
import { Encoded } from '@strata/service-kit';
import type { MapNode } from './map/map.js';
import { bytesOf, summaryBytesOf } from './map/packed.js';
import type { Scored } from './search/search.js';

/** `number << 3 | type` of fields: length-delimited is type 2, 64 bits are type 1. */
const FIELD = { firstMessage: (1 << 3) | 2, hitNode: (1 << 3) | 2, hitScore: (2 << 3) | 1 } as const;

/** Bytes of a varint (base 128, the lowest digits first). */
function varintSize(value: number): number {
  let size = 1;
  for (let v = value; v > 0x7f; v >>>= 7) size++;
  return size;
}

/** Writes into a buffer whose size was worked out before: answers of many entries are copied once, and no buffer grows. */
class Pen {
  readonly bytes: Buffer;
  private at = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  varint(value: number): void {
    let v = value;
    for (; v > 0x7f; v >>>= 7) this.bytes[this.at++] = (v & 0x7f) | 0x80;
    this.bytes[this.at++] = v;
  }

  double(value: number): void {
    this.at = this.bytes.writeDoubleLE(value, this.at);
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }
}

export const nodeAnswer = (n: MapNode): Encoded<catalog.Node> => new Encoded(bytesOf(n));

/** An answer whose first field is entries; `rest` is the message of all other fields, which may come in any order. */
export function nodesAnswer<Res extends { nodes: catalog.Node[] }>(
  nodes: readonly MapNode[],
  rest: BinaryWriter,
): Encoded<Res> {
  const parts = nodes.map(bytesOf);
  const tail = rest.finish();
  const pen = new Pen(parts.reduce((sum, p) => sum + 1 + varintSize(p.length) + p.length, tail.length));
  for (const part of parts) {
    pen.varint(FIELD.firstMessage);
    pen.varint(part.length);
    pen.raw(part);
  }
  pen.raw(tail);
  return new Encoded(pen.bytes);
}

export function searchAnswer(
  hits: readonly Scored[],
  rest: Omit<catalog.SearchResponse, 'hits'>,
): Encoded<catalog.SearchResponse> {
  const parts = hits.map(({ node, score }) => {
    const bytes = summaryBytesOf(node);
    // tag and length of the entry, the entry, tag and score
    return { bytes, score, size: 1 + varintSize(bytes.length) + bytes.length + 1 + 8 };
  });
  const tail = catalog.SearchResponse.encode({ ...rest, hits: [] }).finish();
  const pen = new Pen(parts.reduce((sum, p) => sum + 1 + varintSize(p.size) + p.size, tail.length));
  for (const { bytes, score, size } of parts) {
    pen.varint(FIELD.firstMessage);
    pen.varint(size);
    pen.varint(FIELD.hitNode);
    pen.varint(bytes.length);
    pen.raw(bytes);
    pen.varint(FIELD.hitScore);
    pen.double(score);
  }
  pen.raw(tail);
  return new Encoded(pen.bytes);
}
