import { badTokenizer, flag, parts, unsupported } from './settings.js';
import type { Component } from './types.js';

/** Tokens with their offsets while they are put together. */
export interface Draft {
  readonly ids: number[];
  /** Start and end of each token in the original text, one after the other. */
  readonly offsets: number[];
}

/** `added` says whether special tokens are wanted. */
export type PostProcess = (draft: Draft, added: boolean) => Draft;

interface TemplatePiece {
  readonly SpecialToken?: { readonly id: string };
  readonly Sequence?: { readonly id: string };
}

function around(before: readonly number[], after: readonly number[]): PostProcess {
  const nowhere = (n: number): number[] => new Array<number>(2 * n).fill(0);
  return (draft, added) =>
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

type TokenOf = (id: number) => string | undefined;

/** A space as ByteLevel writes it, or any other white space. */
const LEADING = /^[Ġ\p{White_Space}]*/u;
const TRAILING = /[Ġ\p{White_Space}]*$/u;

/** Leaves the spaces that a token begins or ends with out of its offsets; the one space that was put before the text has no source to leave out. */
function trim(prefixed: boolean, tokenOf: TokenOf): PostProcess {
  return ({ ids, offsets }) => {
    const out = [...offsets];
    ids.forEach((id, i) => {
      const token = tokenOf(id) ?? '';
      let start = out[2 * i] as number;
      let end = out[2 * i + 1] as number;
      const leading = LEADING.exec(token)?.[0].length ?? 0;
      const trailing = TRAILING.exec(token)?.[0].length ?? 0;
      const own = leading > 0 && prefixed && (i === 0 || start === 0) ? leading - 1 : leading;
      start = Math.min(start + own, end);
      if (end >= start + trailing) end = trailing === token.length ? start : end - trailing;
      out[2 * i] = start;
      out[2 * i + 1] = end;
    });
    return { ids, offsets: out };
  };
}

export function postProcessorOf(c: Component | null, tokenOf: TokenOf): PostProcess {
  if (c === null) return (draft) => draft;
  switch (c.type) {
    case 'Sequence': {
      const all = parts(c, 'processors').map((p) => postProcessorOf(p, tokenOf));
      return (draft, added) => all.reduce((d, f) => f(d, added), draft);
    }
    case 'TemplateProcessing':
      return template(c);
    case 'BertProcessing':
      return around([pairOf(c, 'cls')], [pairOf(c, 'sep')]);
    case 'RobertaProcessing': {
      const wrap = around([pairOf(c, 'cls')], [pairOf(c, 'sep')]);
      const bare = trim(flag(c, 'add_prefix_space', true), tokenOf);
      return flag(c, 'trim_offsets', true) ? (d, added) => wrap(bare(d, added), added) : wrap;
    }
    case 'ByteLevel':
      return flag(c, 'trim_offsets', true) ? trim(flag(c, 'add_prefix_space', true), tokenOf) : (draft) => draft;
    default:
      throw unsupported('post-processor', c);
  }
}
