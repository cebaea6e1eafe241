import stringWidth from 'string-width';

const HAN = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef]/u;
/** Marks that begin no line and, behind them, marks that end none (GB/T 15834 and JLREQ have the same lists). */
const NO_BEGIN = /^[，。、；：？！）】》」』”’…·,.;:?!)\]}%]/u;
const NO_END = /[（【《「『“‘([{]$/u;

/**
 * Text as the terminal may show it: without control characters, which could move the cursor or rename the window,
 * and without marks that turn the direction of writing. Line ends stay, tabs become blanks.
 */
export const shown = (text: string): string =>
  text.replace(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu, '').replaceAll('\t', '  ');

/** Pieces that stay whole: words of other scripts with the blank before them, and single Chinese characters. */
function pieces(text: string): string[] {
  const out: string[] = [];
  for (const part of text.match(/\s+|[^\s]+/gu) ?? []) {
    if (/^\s/.test(part)) {
      out.push(' ');
      continue;
    }
    let word = '';
    for (const c of part) {
      if (!HAN.test(c)) {
        word += c;
        continue;
      }
      if (word) out.push(word);
      word = '';
      out.push(c);
    }
    if (word) out.push(word);
  }
  // what may not stand at an end of a line hangs on its neighbour
  const joined: string[] = [];
  for (const piece of out) {
    const last = joined.at(-1);
    if (last !== undefined && last !== ' ' && piece !== ' ' && (NO_BEGIN.test(piece) || NO_END.test(last)))
      joined[joined.length - 1] = last + piece;
    else joined.push(piece);
  }
  return joined;
}

/** Parts of one piece that is wider than a line: behind a dash or a slash where one of them fits, else anywhere. */
function chop(piece: string, width: number): string[] {
  const lines = [''];
  for (const part of piece.match(/[^-/|_]*[-/|_]+|[^-/|_]+/g) ?? []) {
    const line = lines.at(-1) ?? '';
    if (stringWidth(line + part) <= width) lines[lines.length - 1] = line + part;
    else {
      if (line) lines.push('');
      for (const { segment } of new Intl.Segmenter().segment(part)) {
        const last = lines.at(-1) ?? '';
        if (last && stringWidth(last + segment) > width) lines.push(segment);
        else lines[lines.length - 1] = last + segment;
      }
    }
  }
  return lines;
}

/** One paragraph in lines of at most `width` columns. Between Chinese characters any place will do, elsewhere blanks. */
export function wrap(text: string, width: number): string[] {
  const most = Math.max(2, width);
  const lines: string[] = [];
  let line = '';
  for (const piece of pieces(text)) {
    if (piece === ' ') {
      if (line && !line.endsWith(' ')) line += ' ';
    } else if (stringWidth(line + piece) <= most) line += piece;
    else {
      if (line.trimEnd()) lines.push(line.trimEnd());
      const parts = chop(piece, most);
      lines.push(...parts.slice(0, -1));
      line = parts.at(-1) ?? '';
    }
  }
  if (line.trimEnd() || !lines.length) lines.push(line.trimEnd());
  return lines;
}

const FULL_WIDTH_MARK = /[\u3000-\u303f\uff00-\uffef]/;
/** Whether a line end between these characters stands for a blank: not between Chinese ones, nor beside their marks. */
const blankBetween = (a: string, b: string): boolean =>
  a !== '' && !(HAN.test(a) && HAN.test(b)) && !FULL_WIDTH_MARK.test(a) && !FULL_WIDTH_MARK.test(b);

/** Lines of a paragraph as one. */
export const unbroken = (text: string): string =>
  text
    .split('\n')
    .map((l) => l.trim())
    .reduce((a, b) => (blankBetween(a.at(-1) ?? '', b.at(0) ?? '') ? `${a} ${b}` : a + b), '');

/** A paragraph with the same blanks before each line; `first` stands before the first instead. */
export function indented(text: string, width: number, indent: string, first = indent): string {
  const lines = wrap(text, width - stringWidth(indent));
  return lines.map((l, i) => (i ? indent : first) + l).join('\n');
}
