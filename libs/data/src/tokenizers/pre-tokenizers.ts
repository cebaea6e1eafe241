import { mapCharacters, replaceAll, Rewriter, slice, startOf, type Aligned } from './aligned.js';
import { bytesOfCharacter } from './byte-level.js';
import { patternOf, translatePattern } from './pattern.js';
import { count, flag, parts, text, textOrNull, unsupported } from './settings.js';
import type { Component } from './types.js';

export type PreTokenize = (a: Aligned) => Aligned[];

type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';

/** [start, end, is it a delimiter] of a text cut by a global pattern: matches and what lies between them. */
function cuts(s: string, pattern: RegExp): [number, number, boolean][] {
  const out: [number, number, boolean][] = [];
  let last = 0;
  for (const m of s.matchAll(pattern)) {
    if (m[0].length === 0) continue;
    if (m.index > last) out.push([last, m.index, false]);
    out.push([m.index, m.index + m[0].length, true]);
    last = m.index + m[0].length;
  }
  if (last < s.length) out.push([last, s.length, false]);
  return out;
}

/** Cuts by a pattern and joins the delimiters as asked (`SplitDelimiterBehavior` of Hugging Face). */
function split(a: Aligned, pattern: RegExp, behavior: Behavior, invert: boolean): Aligned[] {
  const pieces = cuts(a.text, pattern).map(([s, e, d]) => [s, e, d !== invert] as [number, number, boolean]);
  const out: [number, number][] = [];
  let before: boolean | undefined;
  for (let i = 0; i < pieces.length; i++) {
    const [s, e, d] = pieces[i] as [number, number, boolean];
    const last = out.at(-1);
    switch (behavior) {
      case 'Removed':
        if (!d) out.push([s, e]);
        break;
      case 'Isolated':
        out.push([s, e]);
        break;
      case 'Contiguous':
        if (last && before === d) last[1] = e;
        else out.push([s, e]);
        break;
      case 'MergedWithPrevious':
        if (d && before === false && last) last[1] = e;
        else out.push([s, e]);
        break;
      case 'MergedWithNext': {
        const next = pieces[i + 1];
        if (d && next && !next[2]) {
          out.push([s, next[1]]);
          i++;
        } else out.push([s, e]);
        break;
      }
    }
    before = pieces[i]?.[2];
  }
  return out.map(([s, e]) => slice(a, s, e));
}

/** GPT-2's words (Radford et al. 2019, encoder.py). */
export const GPT2_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

function byteLevel(c: Component): PreTokenize {
  const prefix = flag(c, 'add_prefix_space', true);
  const words = flag(c, 'use_regex', true) ? new RegExp(translatePattern(GPT2_WORDS), 'gu') : undefined;
  return (a) => {
    const spaced = prefix ? withPrefix(a, ' ') : a;
    const pieces = words ? split(spaced, words, 'Isolated', false) : [spaced];
    return pieces.map((p) => mapCharacters(p, bytesOfCharacter));
  };
}

function withPrefix(a: Aligned, prefix: string): Aligned {
  if (a.text === '' || a.text.startsWith(prefix)) return a;
  const out = new Rewriter(a);
  out.put(prefix, 0, String.fromCodePoint(a.text.codePointAt(0) ?? 0).length);
  out.keep(0, a.text.length);
  return out.done();
}

function metaspace(c: Component): PreTokenize {
  const mark = text(c, 'replacement', '▁');
  const scheme = textOrNull(c, 'prepend_scheme') ?? (flag(c, 'add_prefix_space', true) ? 'always' : 'never');
  const cut = flag(c, 'split', true);
  const at = new RegExp(translatePattern(mark), 'gu');
  return (a) => {
    const first = scheme === 'always' || (scheme === 'first' && startOf(a, 0) === 0);
    const replaced = replaceAll(a, / /g, mark);
    const marked = first ? withPrefix(replaced, mark) : replaced;
    return cut ? split(marked, at, 'MergedWithNext', false) : [marked];
  };
}

const SPACES = /\p{White_Space}+/gu;
const PUNCTUATION = /[!-/:-@[-`{-~\p{P}]/gu;
const WORDS = new RegExp(translatePattern('\\w+|[^\\w\\s]+'), 'gu');
const EACH_DIGIT = /\p{N}/gu;
const DIGITS = /\p{N}+/gu;

function fixedLength(length: number): PreTokenize {
  return (a) => {
    const out: Aligned[] = [];
    let start = 0;
    let i = 0;
    let n = 0;
    for (const c of a.text) {
      i += c.length;
      if (++n < length) continue;
      out.push(slice(a, start, i));
      start = i;
      n = 0;
    }
    if (start < a.text.length) out.push(slice(a, start, a.text.length));
    return out;
  };
}

export function preTokenizerOf(c: Component | null): PreTokenize {
  if (c === null) return (a) => [a];
  const behavior = (otherwise: Behavior): Behavior => text(c, 'behavior', otherwise) as Behavior;
  switch (c.type) {
    case 'Sequence': {
      const all = parts(c, 'pretokenizers').map(preTokenizerOf);
      return (a) => all.reduce<Aligned[]>((pieces, f) => pieces.flatMap((p) => (p.text === '' ? [] : f(p))), [a]);
    }
    case 'ByteLevel':
      return byteLevel(c);
    case 'Metaspace':
      return metaspace(c);
    case 'BertPreTokenizer':
      return (a) => split(a, SPACES, 'Removed', false).flatMap((word) => split(word, PUNCTUATION, 'Isolated', false));
    case 'Whitespace':
      return (a) => split(a, WORDS, 'Removed', true);
    case 'WhitespaceSplit':
      return (a) => split(a, SPACES, 'Removed', false);
    case 'Punctuation':
      return (a) => split(a, PUNCTUATION, behavior('Isolated'), false);
    case 'Digits': {
      const one = flag(c, 'individual_digits', false);
      return (a) => split(a, one ? EACH_DIGIT : DIGITS, 'Isolated', false);
    }
    case 'CharDelimiterSplit': {
      const pattern = patternOf({ type: 'CharDelimiterSplit', pattern: { String: text(c, 'delimiter') } });
      return (a) => split(a, pattern, 'Removed', false);
    }
    case 'Split': {
      const pattern = patternOf(c);
      const invert = flag(c, 'invert', false);
      return (a) => split(a, pattern, behavior('Isolated'), invert);
    }
    case 'FixedLength':
      return fixedLength(count(c, 'length', 5));
    default:
      throw unsupported('pre-tokenizer', c);
  }
}
