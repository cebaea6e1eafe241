import type { AddedToken } from './types.js';

/** A stretch of a text: an added token (`id`), or text between such tokens (`id` undefined). */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly id?: number;
}

const WORD_BEFORE = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const WORD_AFTER = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const SPACE_BEFORE = /\p{White_Space}*$/u;
const SPACE_AFTER = /^\p{White_Space}*/u;

/** Finds added tokens in a text, the longest first where several begin at one place. */
export function splitterOf(tokens: readonly AddedToken[]): (text: string) => Stretch[] {
  const contents = tokens.filter((t) => t.content !== '').sort((a, b) => b.content.length - a.content.length);
  if (contents.length === 0) return (text) => [{ start: 0, end: text.length }];
  const byContent = new Map(contents.map((t) => [t.content, t]));
  const pattern = new RegExp(contents.map((t) => t.content.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|'), 'gu');
  return (text) => {
    const out: Stretch[] = [];
    let last = 0;
    for (const m of text.matchAll(pattern)) {
      const token = byContent.get(m[0]) as AddedToken;
      let start = m.index;
      let end = start + m[0].length;
      if (start < last) continue;
      if (token.single_word && (WORD_BEFORE.test(text.slice(0, start)) || WORD_AFTER.test(text.slice(end)))) continue;
      if (token.lstrip) start -= SPACE_BEFORE.exec(text.slice(last, start))?.[0].length ?? 0;
      if (token.rstrip) end += SPACE_AFTER.exec(text.slice(end))?.[0].length ?? 0;
      if (start > last) out.push({ start: last, end: start });
      out.push({ start, end, id: token.id });
      last = end;
    }
    if (last < text.length) out.push({ start: last, end: text.length });
    return out;
  };
}
