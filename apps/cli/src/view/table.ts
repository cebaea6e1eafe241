import Table from 'cli-table3';
import stringWidth from 'string-width';
import { wrap } from './wrap.js';

const NONE = '';
// columns parted by blanks alone: easy to read, to grep and to cut
const CHARS = {
  top: NONE,
  'top-mid': NONE,
  'top-left': NONE,
  'top-right': NONE,
  bottom: NONE,
  'bottom-mid': NONE,
  'bottom-left': NONE,
  'bottom-right': NONE,
  left: NONE,
  'left-mid': NONE,
  mid: NONE,
  'mid-mid': NONE,
  right: NONE,
  'right-mid': NONE,
  middle: '  ',
};

/** A table for people; widths count Chinese characters as two columns. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const t = new Table({
    head: [...head],
    chars: CHARS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  t.push(...rows.map((r) => [...r]));
  return t
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A column that is narrower than this is hard to read: the table becomes wider than the terminal instead. */
const LEAST = 24;

/** Columns of the terminal that the others leave to one. */
export function roomOf(head: readonly string[], rows: readonly (readonly string[])[], width: number, grows: number) {
  const columns = Math.max(head.length, ...rows.map((r) => r.length));
  const widest = (i: number): number =>
    Math.max(...[head, ...rows].flatMap((r) => (r[i] ?? '').split('\n').map((line) => stringWidth(line))));
  let others = CHARS.middle.length * (columns - 1);
  for (let i = 0; i < columns; i++) if (i !== grows) others += widest(i);
  return width - others;
}

/** A table whose column `grows` is wrapped, so that the whole is not wider than `width` where that is possible. */
export function fitted(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
  grows: number,
): string {
  const most = Math.max(LEAST, roomOf(head, rows, width, grows));
  return table(
    head,
    rows.map((r) => r.map((cell, i) => (i === grows ? wrap(cell, most).join('\n') : cell))),
  );
}
