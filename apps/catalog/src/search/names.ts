import { createVector, uint32s } from './vector.js';

/** How an entry is called so: what it is named, what else it is called, and the title of a publication. */
export const CALLED = { name: 0, alias: 1, title: 2 } as const;
export type Called = (typeof CALLED)[keyof typeof CALLED];

/** Documents by exact name. */
export interface Names {
  /** Calls `found` for documents of this name in their order, some thousand at most. */
  find(key: string, found: (document: number, called: Called) => void): void;
  readonly bytes: number;
}
export interface NamesBuilder {
  add(key: string, document: number, called: Called): void;
  /** Yields where it can be interrupted. */
  finish(): Generator<void, Names>;
}

const DOCUMENT = (1 << 24) - 1;
const MOST_FOUND = 4_096;
const SLICE = 1 << 19;
const [BASIS, PRIME, OTHER_PRIME] = [0x811c9dc5, 0x01000193, 0x85ebca6b];

/** Two hashes of a text (FNV-1a, with two primes). */
function hashes(text: string, into: [number, number]): void {
  let [a, b] = [BASIS, BASIS];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, PRIME);
    b = Math.imul(b ^ c, OTHER_PRIME);
    b ^= b >>> 15;
  }
  into[0] = (a ^ (a >>> 16)) >>> 0;
  into[1] = b >>> 0;
}

/**
 * Names are known by 64 bits of hash: among eight million, one that was never given is found once in two thousand billion look-ups, and no text is
 * kept. Twelve bytes for each name.
 */
export function createNames(): NamesBuilder {
  const first = createVector();
  const second = createVector();
  const holders = createVector();
  const hash: [number, number] = [0, 0];
  return {
    add(key, document, called) {
      hashes(key, hash);
      first.push(hash[0]);
      second.push(hash[1]);
      holders.push((called << 24) | document);
    },

    *finish() {
      const [a, b, h] = [first.data, second.data, holders.data];
      const mask = 2 ** Math.ceil(Math.log2(Math.max(2, a.length))) - 1;
      const starts = uint32s(mask + 2);
      for (let i = 0; i < a.length; i++) {
        starts[(a[i]! & mask) + 1]!++;
        if (i % SLICE === SLICE - 1) yield;
      }
      for (let m = 0; m <= mask; m++) starts[m + 1]! += starts[m]!;
      const free = starts.slice();
      const [prints, held] = [uint32s(a.length), uint32s(a.length)];
      for (let i = 0; i < a.length; i++) {
        const at = free[a[i]! & mask]!++;
        // the bits that the bucket does not tell are mixed into the print
        prints[at] = b[i]! ^ (a[i]! & ~mask);
        held[at] = h[i]!;
        if (i % SLICE === SLICE - 1) yield;
      }
      return finder(starts, prints, held);
    },
  };
}

/** Apart from where the names were gathered: what is kept there would stay in memory. */
function finder(starts: Uint32Array, prints: Uint32Array, held: Uint32Array): Names {
  const mask = starts.length - 2;
  const sought: [number, number] = [0, 0];
  return {
    find(key, found) {
      hashes(key, sought);
      const bucket = sought[0] & mask;
      const print = (sought[1] ^ (sought[0] & ~mask)) >>> 0;
      const end = starts[bucket + 1]!;
      for (let at = starts[bucket]!, n = 0; at < end && n < MOST_FOUND; at++)
        if (prints[at] === print) {
          found(held[at]! & DOCUMENT, (held[at]! >>> 24) as Called);
          n++;
        }
    },
    bytes: starts.byteLength + prints.byteLength + held.byteLength,
  };
}
