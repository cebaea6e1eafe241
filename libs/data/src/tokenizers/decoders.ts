import { byteOf } from './byte-level.js';
import { patternOf } from './pattern.js';
import { count, flag, parts, text, textOrNull, unsupported } from './settings.js';
import type { Component } from './types.js';

export type Decode = (tokens: string[]) => string[];

const lossy = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

const byteLevel: Decode = (tokens) => {
  const bytes: number[] = [];
  for (const token of tokens) {
    const own = Array.from(token, byteOf);
    if (own.includes(undefined)) bytes.push(...encoder.encode(token));
    else for (const b of own) bytes.push(b as number);
  }
  return [lossy.decode(Uint8Array.from(bytes))];
};

const CLEANUP: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

function wordPiece(c: Component): Decode {
  const prefix = text(c, 'prefix', '##');
  const cleanup = flag(c, 'cleanup', true);
  return (tokens) =>
    tokens.map((token, i) => {
      const joined = i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      return cleanup ? CLEANUP.reduce((s, [a, b]) => s.replaceAll(a, b), joined) : joined;
    });
}

function metaspace(c: Component): Decode {
  const mark = text(c, 'replacement', '▁');
  const scheme = textOrNull(c, 'prepend_scheme') ?? (flag(c, 'add_prefix_space', true) ? 'always' : 'never');
  return (tokens) => tokens.map((token, i) => token.replaceAll(mark, i === 0 && scheme !== 'never' ? '' : ' '));
}

const BYTE = /^<0x([0-9A-Fa-f]{2})>$/;
const byteFallback: Decode = (tokens) => {
  const out: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    try {
      out.push(strict.decode(Uint8Array.from(bytes)));
    } catch {
      for (let i = 0; i < bytes.length; i++) out.push('\ufffd');
    }
    bytes = [];
  };
  for (const token of tokens) {
    const m = BYTE.exec(token);
    if (m) bytes.push(parseInt(m[1] as string, 16));
    else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
};

function strip(c: Component): Decode {
  const content = text(c, 'content');
  const most = { start: count(c, 'start', 0), stop: count(c, 'stop', 0) };
  return (tokens) =>
    tokens.map((token) => {
      let from = 0;
      let to = token.length;
      for (let i = 0; i < most.start && token.startsWith(content, from); i++) from += content.length;
      for (let i = 0; i < most.stop && to > from && token.endsWith(content, to); i++) to -= content.length;
      return token.slice(from, to);
    });
}

function ctc(c: Component): Decode {
  const pad = text(c, 'pad_token', '<pad>');
  const word = text(c, 'word_delimiter_token', '|');
  const cleanup = flag(c, 'cleanup', true);
  return (tokens) =>
    tokens
      .filter((t, i) => t !== tokens[i - 1])
      .map((t) => {
        const bare = t.replaceAll(pad, '');
        return cleanup ? CLEANUP.reduce((s, [a, b]) => s.replaceAll(a, b), bare).replaceAll(word, ' ') : bare;
      })
      .filter((t) => t !== '');
}

function chain(c: Component): Decode {
  switch (c.type) {
    case 'Sequence': {
      const all = parts(c, 'decoders').map(chain);
      return (tokens) => all.reduce((t, f) => f(t), tokens);
    }
    case 'ByteLevel':
      return byteLevel;
    case 'WordPiece':
      return wordPiece(c);
    case 'Metaspace':
      return metaspace(c);
    case 'BPEDecoder': {
      const suffix = text(c, 'suffix', '</w>');
      return (tokens) => tokens.map((t, i) => t.replaceAll(suffix, i === tokens.length - 1 ? '' : ' '));
    }
    case 'ByteFallback':
      return byteFallback;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Strip':
      return strip(c);
    case 'Replace': {
      const pattern = patternOf(c);
      const content = text(c, 'content');
      return (tokens) => tokens.map((t) => t.replace(pattern, () => content));
    }
    case 'CTC':
      return ctc(c);
    default:
      throw unsupported('decoder', c);
  }
}

/** Tokens as a text; without a decoder they are joined by spaces. */
export function decoderOf(c: Component | null): (tokens: string[]) => string {
  if (c === null) return (tokens) => tokens.join(' ');
  const decode = chain(c);
  return (tokens) => decode(tokens).join('');
}
