/*
 * GPT-2's bytes as printable characters (Radford et al. 2019, encoder.py): a byte that prints as itself in Latin-1 is that character, the others count up from U+0100.
 */
const table = Array.from({ length: 256 }, () => '');
const bytes = new Map<string, number>();
{
  let next = 256;
  for (let b = 0; b < 256; b++) {
    const prints = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    const c = String.fromCharCode(prints ? b : next++);
    table[b] = c;
    bytes.set(c, b);
  }
}

/** The character of each byte. */
export const BYTE_CHARACTERS: readonly string[] = table;
/** The byte of each character; undefined for others. */
export const byteOf = (character: string): number | undefined => bytes.get(character);

const encoder = new TextEncoder();
const cache = new Map<string, string>();
const CACHED = 65_536;

/** The bytes of one code point as their characters. */
export function bytesOfCharacter(c: string): string {
  const known = cache.get(c);
  if (known !== undefined) return known;
  let out = '';
  for (const b of encoder.encode(c)) out += table[b];
  if (cache.size < CACHED) cache.set(c, out);
  return out;
}
