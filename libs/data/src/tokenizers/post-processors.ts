import { badTokenizer, flag, parts, unsupported } from './settings.js';
import type { Component } from './types.js';

/** Tokens with their offsets while they are put together. */
export interface Draft {
  readonly ids: number[];
  /** Start and end of each token in the original text, one after the other. */
  readonly offsets: number[];
}

/** `added` says whether special tokens are wanted; `source` is the text as it came. */
export type PostProcess = (draft: Draft, source: string, added: boolean) => Draft;

interface TemplatePiece {
  readonly SpecialToken?: { readonly id: string };
  readonly Sequence?: { readonly id: string };
}

function around(before: readonly number[], after: readonly number[]): PostProcess {
  const nowhere = (n: number): number[] => new Array<number>(2 * n).fill(0);
  return (draft, _source, added) =>
    added
      ? {
          ids: [...before, ...draft.ids, ...after],
          offsets: [...nowhere(before.length), ...draft.offsets, ...nowhere(after.length)],
        }
      : draft;
}

function template(c: Component): PostProcess {
  const specials = (c['special_tokens'] ?? {}) as Record<string, { ids: number[] }>;
  const before: number[] = [];
  const after: number[] = [];
  let seen = false;
  for (const piece of parts(c, 'single') as TemplatePiece[]) {
    if (piece.Sequence) seen = true;
    else {
      const ids = specials[piece.SpecialToken?.id ?? '']?.ids;
      if (!ids) throw badTokenizer('its template names a special token that it does not define', 'post_processor');
      (seen ? after : before).push(...ids);
    }
  }
  return around(before, after);
}

function pairOf(c: Component, key: string): number {
  const v = c[key];
  if (Array.isArray(v) && typeof v[1] === 'number') return v[1];
  throw badTokenizer(`its post-processor needs "${key}" as a token and its id`, `post_processor.${key}`);
}

const BLANK = /\p{White_Space}/u;
/** Leaves the white space at the ends of a token out of its offsets. */
const trim: PostProcess = (draft, source) => {
  const { ids, offsets } = draft;
  const out = [...offsets];
  for (let i = 0; i < ids.length; i++) {
    let start = out[2 * i] as number;
    let end = out[2 * i + 1] as number;
    while (start < end && BLANK.test(source[start] as string)) start++;
    while (end > start && BLANK.test(source[end - 1] as string)) end--;
    out[2 * i] = start;
    out[2 * i + 1] = end;
  }
  return { ids, offsets: out };
};

export function postProcessorOf(c: Component | null): PostProcess {
  if (c === null) return (draft) => draft;
  switch (c.type) {
    case 'Sequence': {
      const all = parts(c, 'processors').map(postProcessorOf);
      return (draft, source, added) => all.reduce((d, f) => f(d, source, added), draft);
    }
    case 'TemplateProcessing':
      return template(c);
    case 'BertProcessing':
      return around([pairOf(c, 'cls')], [pairOf(c, 'sep')]);
    case 'RobertaProcessing': {
      const wrap = around([pairOf(c, 'cls')], [pairOf(c, 'sep')]);
      return flag(c, 'trim_offsets', true) ? (d, s, added) => wrap(trim(d, s, added), s, added) : wrap;
    }
    case 'ByteLevel':
      return flag(c, 'trim_offsets', true) ? trim : (draft) => draft;
    default:
      throw unsupported('post-processor', c);
  }
}
