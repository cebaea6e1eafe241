import stringWidth from 'string-width';
import { padTo } from './text.js';
import { wrap } from './wrap.js';

/** Labels in one column, their texts wrapped beside them. Rows without a text are left out. */
export function labelled(
  rows: readonly (readonly [label: string, text: string])[],
  width: number,
  indent = '  ',
): string {
  const told = rows.filter(([, text]) => text !== '');
  const column = Math.max(0, ...told.map(([label]) => stringWidth(label))) + 2;
  const room = Math.max(16, width - indent.length - column);
  return told
    .flatMap(([label, text]) =>
      text
        .split('\n')
        .flatMap((line) => wrap(line, room))
        .map((line, i) => `${indent}${padTo(i ? '' : label, column)}${line}`),
    )
    .join('\n');
}
