import { badTokenizer } from './settings.js';
import type { Component } from './types.js';

/** Characters that a pattern of JavaScript's `u` mode may escape. */
const SYNTAX = new Set('^$\\.*+?()[]{}|/');
/** What stands before the + of a possessive quantifier. */
const QUANTIFIER = /(?:(?<!\\)(?:\\\\)*[?*+]|\{\d+(?:,\d*)?\})$/;

/**
 * A pattern written for Oniguruma (what tokenizer files hold) as one for JavaScript: `\s` is Unicode's White_Space, `\w` letters, marks, digits and connectors; possessive
 * quantifiers and atomic groups become ordinary ones, which differ only where the pattern depends on their not giving back.
 */
export function translatePattern(pattern: string): string {
  let out = '';
  let inClass = 0;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] as string;
    if (c === '\\') {
      const next = pattern[++i] ?? '';
      const brackets = (body: string): string => (inClass > 0 ? body : `[${body}]`);
      if (next === 's') out += '\\p{White_Space}';
      else if (next === 'S') out += '\\P{White_Space}';
      else if (next === 'w') out += brackets('\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}');
      else if (next === 'W' && inClass === 0) out += '[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
      else if (next === 'd') out += '\\p{Nd}';
      else if (next === 'D') out += '\\P{Nd}';
      else if (next === 'h' && inClass === 0) out += '[0-9a-fA-F]';
      else if (next === 'A') out += '(?<![^])';
      else if (next === 'z') out += '(?![^])';
      else if (/[a-zA-Z0-9]/.test(next) || SYNTAX.has(next) || (next === '-' && inClass > 0)) out += `\\${next}`;
      else out += next;
      continue;
    }
    if (inClass > 0) {
      if (c === ']') inClass--;
      else if (c === '[') {
        out += '\\[';
        continue;
      }
      out += c;
      continue;
    }
    if (c === '[') {
      inClass++;
      out += c;
      if (pattern[i + 1] === '^') out += pattern[++i];
      // a bracket that stands first is a character
      if (pattern[i + 1] === ']') {
        out += '\\]';
        i++;
      }
      continue;
    }
    // the + of a possessive quantifier
    if (c === '+' && QUANTIFIER.test(out)) continue;
    if (c === '(' && pattern.startsWith('(?>', i)) {
      out += '(?:';
      i += 2;
      continue;
    }
    if (c === '.') {
      out += '[^\\n]';
      continue;
    }
    out += c;
  }
  return out;
}

const escapeText = (s: string): string => s.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** The global pattern of a component's `pattern`: {String} or {Regex}. */
export function patternOf(c: Component): RegExp {
  const p = c['pattern'] as { String?: string; Regex?: string } | string | undefined;
  const source =
    typeof p === 'string'
      ? escapeText(p)
      : typeof p?.String === 'string'
        ? escapeText(p.String)
        : typeof p?.Regex === 'string'
          ? translatePattern(p.Regex)
          : undefined;
  if (source === undefined) throw badTokenizer(`"${c.type ?? ''}" has no pattern`, 'pattern');
  try {
    return new RegExp(source, 'gu');
  } catch (e) {
    throw badTokenizer(`its pattern ${JSON.stringify(p)} has no counterpart in JavaScript`, 'pattern', e);
  }
}
