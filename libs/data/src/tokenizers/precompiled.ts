import { mapCharacters, Rewriter, type Aligned } from './aligned.js';

/*
 * SentencePiece's compiled character map (src/normalizer.cc): a little-endian uint32 with the size of a double-array trie in bytes, the trie (darts-clone: one uint32 a unit),
 * then the replacements, each ended by a zero byte. Keys are UTF-8; the value of a key is the offset of its replacement.
 */
const hasLeaf = (unit: number): boolean => ((unit >>> 8) & 1) === 1;
const value = (unit: number): number => unit & 0x7fffffff;
const label = (unit: number): number => unit & 0x800000ff;
const offset = (unit: number): number => (unit >>> 10) << ((unit & (1 << 9)) >>> 6);

/** Parses the base64 of a character map. An empty map changes nothing. */
export function precompiled(base64: string): (a: Aligned) => Aligned {
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length < 4) return (a) => a;
  const size = bytes.readUInt32LE(0) / 4;
  const trie = Uint32Array.from({ length: size }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
  const replacements = bytes.subarray(4 + 4 * size);

  /** Replacement of the shortest key that the bytes begin with, as Hugging Face's reader takes it; undefined when there is none. */
  const lookup = (key: Uint8Array): string | undefined => {
    let node = 0;
    let unit = trie[node] ?? 0;
    node ^= offset(unit);
    for (const c of key) {
      if (c === 0) return undefined;
      node ^= c;
      unit = trie[node] ?? 0;
      if (label(unit) !== c) return undefined;
      node ^= offset(unit);
      if (hasLeaf(unit)) {
        const at = value(trie[node] ?? 0);
        const end = replacements.indexOf(0, at);
        return replacements.toString('utf8', at, end < 0 ? undefined : end);
      }
    }
    return undefined;
  };
  const known = new Map<string, string | undefined>();
  const find = (s: string): string | undefined => {
    if (known.has(s)) return known.get(s);
    const found = lookup(Buffer.from(s));
    if (known.size < 65_536) known.set(s, found);
    return found;
  };
  const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' });
  return (a) => {
    // plain ASCII has no clusters; everything else is first looked up by grapheme cluster, when short, then by character
    if (/^[\x20-\x7e]*$/.test(a.text)) return mapCharacters(a, (c) => find(c) ?? c);
    const out = new Rewriter(a);
    for (const { segment, index } of segmenter.segment(a.text)) {
      const whole = Buffer.byteLength(segment) < 6 ? find(segment) : undefined;
      if (whole !== undefined) {
        out.spread(whole, index, index + segment.length, (i) => i);
        continue;
      }
      let i = index;
      for (const c of segment) {
        const next = find(c);
        if (next === undefined) out.keep(i, i + c.length);
        else out.put(next, i, i + c.length);
        i += c.length;
      }
    }
    return out.done();
  };
}
