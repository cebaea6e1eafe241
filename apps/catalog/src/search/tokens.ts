/** A Latin word or number, or a run of Chinese characters. */
export interface Piece {
  readonly text: string;
  readonly han: boolean;
  /** A single dash and nothing else stands between it and the piece before. */
  readonly dashed: boolean;
}

const [OTHER, WORD, HAN, UNKNOWN] = [0, 1, 2, 3];
const isDash = (c: number): boolean => c === 0x2d || (c >= 0x2010 && c <= 0x2014);
const LETTER = /[\p{L}\p{N}]/u;
/** What each UTF-16 unit is, found out when it is met; halves of surrogate pairs are nothing. */
const classes = new Uint8Array(0x10000).fill(UNKNOWN);
function classOf(c: number): number {
  const known = classes[c]!;
  if (known !== UNKNOWN) return known;
  const han = (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff);
  return (classes[c] = han ? HAN : LETTER.test(String.fromCharCode(c)) ? WORD : OTHER);
}

const NOT_ASCII = /[^\0-\x7f]/;
/** Lower case without accents; full-width forms as their plain ones (NFKD), so that "Ｎaïve" is "naive". */
export const plain = (text: string): string =>
  (NOT_ASCII.test(text) ? text.normalize('NFKD').replace(/\p{M}/gu, '') : text).toLowerCase();

/** Words and Chinese runs of a text, in their order. */
export function pieces(text: string): Piece[] {
  const t = plain(text);
  const found: Piece[] = [];
  let end = -1;
  for (let i = 0; i < t.length;) {
    const kind = classOf(t.charCodeAt(i));
    const start = i++;
    if (kind === OTHER) continue;
    while (i < t.length && classOf(t.charCodeAt(i)) === kind) i++;
    found.push({
      text: t.slice(start, i),
      han: kind === HAN,
      dashed: end === start - 1 && isDash(t.charCodeAt(end)),
    });
    end = i;
  }
  return found;
}
