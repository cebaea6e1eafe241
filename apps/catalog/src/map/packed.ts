import { catalog } from '@strata/contracts/grpc';
import type { MapEdge } from '@strata/map';
import { LRUCache } from 'lru-cache';
import { nodeBytes, textOf, type NodeBytes, type NodeText } from '../wire.js';
import { CALLED, createNames, type Names } from '../search/names.js';
import { finished } from '../search/steps.js';
import { uint32s } from '../search/vector.js';
import type { Adjacency, Edges } from './adjacency.js';
import type { MapNode, Nodes } from './map.js';

/** Entries of a map up to this size stay once they have been made, without their texts. */
const KEPT = 50_000;
/** Texts that are kept read: of entries that one answer after the other asks for. */
const TEXTS = 500;
const FIRST_CHUNK = 1 << 16;
const LARGEST_CHUNK = 1 << 26;
/** A message begins with the slug: its tag, its length in one byte, and its letters. */
const SLUG_AT = 2;
const LONGEST_SLUG = 127;
const NONE: readonly never[] = [];

/** Bytes one after the other, in memory that the garbage collector does not see. */
interface Bytes {
  put(place: number, node: NodeBytes): void;
  get(place: number): Buffer;
  summary(place: number): Buffer;
}
function createBytes(count: number): Bytes {
  const chunks: Buffer[] = [];
  const chunkOf = new Uint16Array(new SharedArrayBuffer(2 * count));
  const [from, length, summary] = [uint32s(count), uint32s(count), uint32s(count)];
  let used = 0;
  const get = (place: number, size: number): Buffer => {
    const start = from[place]!;
    return chunks[chunkOf[place]!]!.subarray(start, start + size);
  };
  return {
    put(place, { whole: bytes, summary: summarySize }) {
      let chunk = chunks.at(-1);
      if (!chunk || used + bytes.length > chunk.length) {
        const size = Math.max(bytes.length, Math.min(LARGEST_CHUNK, chunk ? 2 * chunk.length : FIRST_CHUNK));
        chunk = Buffer.from(new SharedArrayBuffer(size));
        chunks.push(chunk);
        used = 0;
      }
      chunk.set(bytes, used);
      chunkOf[place] = chunks.length - 1;
      from[place] = used;
      length[place] = bytes.length;
      summary[place] = summarySize;
      used += bytes.length;
    },
    get: (place) => get(place, length[place]!),
    summary: (place) => get(place, summary[place]!),
  };
}

/** What entries have in common; one object for all that are alike. */
type Head = Pick<MapNode, 'kind' | 'tags' | 'facets' | 'runnable'>;
interface Heads {
  put(place: number, head: Head): void;
  get(place: number): Head;
}
function createHeads(count: number): Heads {
  const all: Head[] = [];
  const numbers = new Map<string, number>();
  const at = uint32s(count);
  return {
    put(place, { kind, tags, facets, runnable }) {
      const head = { kind, tags, facets, runnable };
      const key = JSON.stringify(head);
      const number = numbers.get(key) ?? all.push(head) - 1;
      numbers.set(key, number);
      at[place] = number;
    },
    get: (place) => all[at[place]!]!,
  };
}

/** All that is kept of a map's entries. Functions made beside others keep what those use: none is made beside those that build. */
interface Stock {
  readonly count: number;
  readonly placeOf: (slug: string) => number | undefined;
  readonly bytes: Bytes;
  readonly heads: Heads;
  readonly recipes: ReadonlyMap<number, readonly string[]>;
  readonly edges: Edges;
  readonly texts: LRUCache<number, NodeText>;
}
interface Shelf extends Stock {
  slugAt(place: number): string;
}

/** An entry as the bytes of its message; each part is read when somebody asks for it. */
class PackedNode implements MapNode {
  private held?: Buffer;
  private heldSummary?: Buffer;
  private called?: string;

  constructor(
    private readonly shelf: Shelf,
    private readonly place: number,
  ) {}

  get bytes(): Buffer {
    return (this.held ??= this.shelf.bytes.get(this.place));
  }
  get summaryBytes(): Buffer {
    return (this.heldSummary ??= this.shelf.bytes.summary(this.place));
  }
  get slug(): string {
    return (this.called ??= slugIn(this.bytes));
  }
  get kind(): MapNode['kind'] {
    return this.shelf.heads.get(this.place).kind;
  }
  get tags(): MapNode['tags'] {
    return this.shelf.heads.get(this.place).tags;
  }
  get facets(): MapNode['facets'] {
    return this.shelf.heads.get(this.place).facets;
  }
  get runnable(): boolean {
    return this.shelf.heads.get(this.place).runnable;
  }
  get recipes(): readonly string[] {
    return this.shelf.recipes.get(this.place) ?? NONE;
  }
  get edges(): readonly MapEdge[] {
    return edgesFrom(this.shelf.edges.outgoing, this.place, this.shelf.slugAt);
  }
  get private(): boolean {
    return false;
  }
  get name(): MapNode['name'] {
    return this.text().name;
  }
  get aliases(): MapNode['aliases'] {
    return this.text().aliases;
  }
  get summary(): MapNode['summary'] {
    return this.text().summary;
  }
  get body(): MapNode['body'] {
    return this.text().body;
  }
  get references(): MapNode['references'] {
    return this.text().references;
  }
  get method(): MapNode['method'] {
    return this.text().method;
  }
  get figure(): MapNode['figure'] {
    return this.text().figure;
  }
  get citation(): MapNode['citation'] {
    return this.text().citation;
  }

  private text(): NodeText {
    const { texts } = this.shelf;
    const known = texts.get(this.place);
    if (known) return known;
    const read = textOf(catalog.Node.decode(this.bytes));
    texts.set(this.place, read);
    return read;
  }
}

const slugIn = (bytes: Buffer): string => bytes.toString('latin1', SLUG_AT, SLUG_AT + bytes[SLUG_AT - 1]!);

/** Messages of entries that were serialised here and are not of a packed map: a tenant's own. */
const made = new WeakMap<MapNode, NodeBytes>();

function madeOf(n: MapNode): NodeBytes {
  const before = made.get(n);
  if (before) return before;
  const bytes = nodeBytes(n);
  made.set(n, bytes);
  return bytes;
}

/** An entry as the bytes of its message. Nodes never change, and serialising one takes longer than all else that an answer needs. */
export const bytesOf = (n: MapNode): Buffer => (n instanceof PackedNode ? n.bytes : madeOf(n).whole);

/** An entry as the bytes of its summary, as hits of a search have it. */
export function summaryBytesOf(n: MapNode): Buffer {
  if (n instanceof PackedNode) return n.summaryBytes;
  const { whole, summary } = madeOf(n);
  return whole.subarray(0, summary);
}

/** Edges at a place, whose ends are called so. */
const edgesFrom = (edges: Adjacency, place: number, name: (place: number) => string): MapEdge[] =>
  edges.of(place, (kind, to) => ({ kind, from: name(place), to: name(to) }));

/** Shelves entries, each at its place in the order of slugs. */
export interface Packer {
  put(place: number, node: Omit<MapNode, 'edges' | 'private'>): void;
  finish(): Packed;
}
export interface Packed {
  readonly nodes: Nodes;
  edgesTo(slug: string): MapEdge[];
}

/**
 * Entries as the bytes that travel, out of sight of the garbage collector: a million of them as objects are 1.6 GB, which it goes through again and
 * again while all calls wait.
 * @param slugs in their order
 */
export function createPacker(slugs: readonly string[], edges: Edges): Packer {
  const bytes = createBytes(slugs.length);
  const heads = createHeads(slugs.length);
  const recipes = new Map<number, readonly string[]>();
  return {
    put(place, node) {
      const { slug } = node;
      if (slug.length > LONGEST_SLUG) throw new RangeError(`"${slug}" is longer than ${LONGEST_SLUG} letters`);
      const whole = { ...node, edges: edgesFrom(edges.outgoing, place, (p) => slugs[p]!), private: false };
      bytes.put(place, nodeBytes(whole));
      heads.put(place, node);
      if (node.recipes.length) recipes.set(place, node.recipes);
    },
    finish: () =>
      open({
        count: slugs.length,
        placeOf: placesOf(slugs, bytes),
        edges,
        bytes,
        heads,
        recipes,
        texts: new LRUCache({ max: TEXTS }),
      }),
  };
}

/** Finds places by slugs, of which nothing is kept but hashes. */
function placesOf(slugs: readonly string[], bytes: Bytes): (slug: string) => number | undefined {
  const building = createNames();
  slugs.forEach((slug, place) => building.add(slug, place, CALLED.name));
  return lookUp(finished(building.finish()), bytes);
}

/** Apart from where they were built, which would stay in memory with them. */
const lookUp = (names: Names, bytes: Bytes) => (slug: string) => {
  let found: number | undefined;
  names.find(slug, (place) => {
    if (slugIn(bytes.get(place)) === slug) found = place;
  });
  return found;
};

function open(stock: Stock): Packed {
  const { count, placeOf, edges } = stock;
  const slugAt = (place: number): string => at(place).slug;
  const shelf: Shelf = { ...stock, slugAt };
  const kept: MapNode[] | undefined = count <= KEPT ? new Array<MapNode>(count) : undefined;
  const at = (place: number): MapNode => {
    const known = kept?.[place];
    if (known) return known;
    const node = new PackedNode(shelf, place);
    if (kept) kept[place] = node;
    return node;
  };
  return {
    nodes: {
      length: count,
      at: (index) => (index >= 0 && index < count ? at(index) : undefined),
      get(slug) {
        const place = placeOf(slug);
        return place === undefined ? undefined : at(place);
      },
      has: (slug) => placeOf(slug) !== undefined,
      *[Symbol.iterator]() {
        for (let place = 0; place < count; place++) yield at(place);
      },
    },
    edgesTo(slug) {
      const place = placeOf(slug);
      if (place === undefined) return [];
      return edges.incoming.of(place, (kind, from) => ({ kind, from: slugAt(from), to: slug }));
    },
  };
}
