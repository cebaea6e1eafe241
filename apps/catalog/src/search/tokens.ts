/** A Latin word or number, or a run of Chinese characters. */
export interface Piece {
  readonly text: string;
  readonly han: boolean;
  /** A single dash and nothing else stands between it and the piece before. */
  readonly dashed: boolean;
}

const isHanCode = (c: number): boolean => (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff);
const isDash = (c: number): boolean => c === 0x2d || (c >= 0x2010 && c <= 0x2014);
const LETTER = /[\p{L}\p{N}]/u;
const isWordCode = (c: number): boolean =>
  c < 0x80
    ? (c >= 0x61 && c <= 0x7a) || (c >= 0x30 && c <= 0x39)
    : // Greek and other letters; halves of surrogate pairs are not letters
      LETTER.test(String.fromCharCode(c));

/** Lower case without accents; full-width forms as their plain ones (NFKD), so that "Ｎaïve" is "naive". */
export const plain = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/** Words and Chinese runs of a text, in their order. */
export function pieces(text: string): Piece[] {
  const t = plain(text);
  const found: Piece[] = [];
  let end = -1;
  for (let i = 0; i < t.length;) {
    const han = isHanCode(t.charCodeAt(i));
    if (!han && !isWordCode(t.charCodeAt(i))) {
      i++;
      continue;
    }
    const start = i;
    if (han) while (i < t.length && isHanCode(t.charCodeAt(i))) i++;
    else while (i < t.length && !isHanCode(t.charCodeAt(i)) && isWordCode(t.charCodeAt(i))) i++;
    found.push({ text: t.slice(start, i), han, dashed: end === start - 1 && isDash(t.charCodeAt(end)) });
    end = i;
  }
  return found;
}
