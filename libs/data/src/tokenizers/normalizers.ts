import { mapCharacters, replaceAll, Rewriter, slice, type Aligned } from './aligned.js';
import { bytesOfCharacter } from './byte-level.js';
import { patternOf } from './pattern.js';
import { precompiled } from './precompiled.js';
import { flag, parts, text, unsupported } from './settings.js';
import type { Component } from './types.js';

export type Normalize = (a: Aligned) => Aligned;

/** A character with the marks and Hangul letters that may compose with it. */
const CLUSTER = /[^][\p{M}\u1160-\u11ff\uff9e\uff9f]*/gu;

function unicode(form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): Normalize {
  return (a) => {
    const whole = a.text.normalize(form);
    if (whole === a.text) return a;
    const out = new Rewriter(a);
    for (const m of a.text.matchAll(CLUSTER)) {
      const next = m[0].normalize(form);
      const end = m.index + m[0].length;
      if (next === m[0]) out.keep(m.index, end);
      else {
        // the first character comes from the first, as the last from the last: what composes or falls apart stands at the front
        const shift = [...m[0]].length - [...next].length;
        out.spread(next, m.index, end, (i) => (i === 0 ? 0 : i + shift));
      }
    }
    const done = out.done();
    if (done.text === whole) return done;
    // a composition across clusters: the whole text is its source
    const coarse = new Rewriter(a);
    coarse.put(whole, 0, a.text.length);
    return coarse.done();
  };
}

const lower: Normalize = (a) => mapCharacters(a, (c) => c.toLowerCase());

const strip =
  (marks: RegExp): Normalize =>
  (a) =>
    mapCharacters(a, (c) => (c > '\u02ff' && marks.test(c) ? '' : c));
const stripMarks = strip(/\p{M}/u);
const stripNonspacing = strip(/\p{Mn}/u);

const SPACE = /\p{White_Space}/u;
const OTHER = /\p{C}/u;
const clean: Normalize = (a) =>
  mapCharacters(a, (c) => {
    if (c >= ' ' && c < '\u007f') return c;
    if (c === '\t' || c === '\n' || c === '\r') return ' ';
    if (c === '\ufffd' || OTHER.test(c)) return '';
    return SPACE.test(c) ? ' ' : c;
  });

/** The blocks that BERT sets apart as Chinese; the last but two begins where Hugging Face's code says, not where the block does. */
const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/u;
const spaceChinese: Normalize = (a) => mapCharacters(a, (c) => (c > '\u2fff' && CHINESE.test(c) ? ` ${c} ` : c));

const sequence =
  (all: readonly Normalize[]): Normalize =>
  (a) =>
    all.reduce((x, f) => f(x), a);

function bert(c: Component): Normalize {
  const lowercase = flag(c, 'lowercase', true);
  return sequence([
    ...(flag(c, 'clean_text', true) ? [clean] : []),
    ...(flag(c, 'handle_chinese_chars', true) ? [spaceChinese] : []),
    ...(flag(c, 'strip_accents', lowercase) ? [unicode('NFD'), stripNonspacing] : []),
    ...(lowercase ? [lower] : []),
  ]);
}

const LEADING = /^\p{White_Space}+/u;
const TRAILING = /\p{White_Space}+$/u;
function trimmed(left: boolean, right: boolean): Normalize {
  return (a) => {
    const start = left ? (LEADING.exec(a.text)?.[0].length ?? 0) : 0;
    const end = a.text.length - (right ? (TRAILING.exec(a.text)?.[0].length ?? 0) : 0);
    return slice(a, start, Math.max(start, end));
  };
}

const prepend =
  (what: string): Normalize =>
  (a) => {
    if (a.text === '') return a;
    const out = new Rewriter(a);
    // like Hugging Face: what is put before the first character has its source there
    out.put(what, 0, firstLength(a.text));
    out.keep(0, a.text.length);
    return out.done();
  };

const firstLength = (s: string): number => String.fromCodePoint(s.codePointAt(0) ?? 0).length;

/** SentencePiece's `nmt` rule: some controls fall away, others and odd spaces become a space. */
const NMT_NOTHING = /[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/u;
const NMT_SPACE =
  /[\u0009\u000a\u000c\u000d\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd\u00a0\u2000-\u200a\u202f\u205f\u3000]/u;
const nmt: Normalize = (a) => mapCharacters(a, (c) => (NMT_NOTHING.test(c) ? '' : NMT_SPACE.test(c) ? ' ' : c));

export function normalizerOf(c: Component | null): Normalize {
  switch (c?.type) {
    case undefined:
      return (a) => a;
    case 'Sequence':
      return sequence(parts(c as Component, 'normalizers').map(normalizerOf));
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return unicode(c?.type as 'NFC');
    case 'Lowercase':
      return lower;
    case 'StripAccents':
      return stripMarks;
    case 'BertNormalizer':
      return bert(c as Component);
    case 'Strip':
      return trimmed(flag(c as Component, 'strip_left', true), flag(c as Component, 'strip_right', true));
    case 'Prepend':
      return prepend(text(c as Component, 'prepend'));
    case 'Replace': {
      const pattern = patternOf(c as Component);
      const content = text(c as Component, 'content');
      return (a) => replaceAll(a, pattern, content);
    }
    case 'ByteLevel':
      return (a) => mapCharacters(a, bytesOfCharacter);
    case 'Nmt':
      return nmt;
    case 'Precompiled':
      return precompiled(text(c as Component, 'precompiled_charsmap'));
    default:
      throw unsupported('normalizer', c as Component);
  }
}
