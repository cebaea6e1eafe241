import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { catalog } from '@strata/contracts/grpc';
import { Encoded } from '@strata/service-kit';
import { LRUCache } from 'lru-cache';
import type { MapNode } from './map/map.js';
import type { Hit } from './search/search.js';
import { wireNode } from './wire.js';

/** Bytes that are kept for entries: some fifty thousand entries. */
const KEPT_BYTES = 64 * 1024 * 1024;
/** `number << 3 | type` of fields: length-delimited is type 2, 64 bits are type 1. */
const FIELD = { firstMessage: (1 << 3) | 2, hitNode: (1 << 3) | 2, hitScore: (2 << 3) | 1 } as const;

const kept = new LRUCache<MapNode, Buffer>({ maxSize: KEPT_BYTES, sizeCalculation: (bytes) => bytes.length });

/** An entry as the bytes of its message. Nodes never change, and serialising one takes longer than all else that an answer needs. */
function bytesOf(n: MapNode): Buffer {
  const before = kept.get(n);
  if (before) return before;
  const made = Buffer.from(catalog.Node.encode(wireNode(n)).finish());
  kept.set(n, made);
  return made;
}

const finished = <Res>(writer: BinaryWriter): Encoded<Res> => {
  const bytes = writer.finish();
  return new Encoded(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
};

export const nodeAnswer = (n: MapNode): Encoded<catalog.Node> => new Encoded(bytesOf(n));

/** An answer whose first field is entries. `rest` writes the others; fields may come in any order and in several goes. */
export function nodesAnswer<Res extends { nodes: catalog.Node[] }>(
  nodes: readonly MapNode[],
  rest: (writer: BinaryWriter) => BinaryWriter,
): Encoded<Res> {
  const writer = new BinaryWriter();
  for (const n of nodes) writer.uint32(FIELD.firstMessage).bytes(bytesOf(n));
  return finished(rest(writer));
}

export function searchAnswer(
  hits: readonly Hit[],
  rest: Omit<catalog.SearchResponse, 'hits'>,
): Encoded<catalog.SearchResponse> {
  const writer = new BinaryWriter();
  for (const { node, score } of hits)
    writer
      .uint32(FIELD.firstMessage)
      .fork()
      .uint32(FIELD.hitNode)
      .bytes(bytesOf(node))
      .uint32(FIELD.hitScore)
      .double(score)
      .join();
  return finished(catalog.SearchResponse.encode({ ...rest, hits: [] }, writer));
}
