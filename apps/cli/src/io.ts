import type { Language } from '@strata/kernel';
import type { MessageKey, Translate } from './messages.js';

/** Where the command line writes: results to standard output, everything said on the way to standard error. */
export interface Io {
  readonly json: boolean;
  readonly lang: Language;
  readonly t: Translate;
  /** Lines may be drawn in place. */
  readonly live: boolean;
  readonly columns: number;
  /** A result for people; nothing in --json. */
  out(line: string): void;
  /** Content that is the result itself, in --json too. */
  write(chunk: Uint8Array | string): void;
  /** The result of the command in --json: one document on one line. */
  document(value: unknown): void;
  /** Progress and remarks, on standard error. */
  note(line: string): void;
  say(key: MessageKey, values?: Readonly<Record<string, string | number>>): void;
  /** Control sequences, on standard error. */
  raw(text: string): void;
  paint(style: keyof typeof STYLES, text: string): string;
}

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export function createIo(options: {
  json: boolean;
  lang: Language;
  t: Translate;
  colour: boolean;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}): Io {
  const { json, lang, t, stdout, stderr } = options;
  const colour = options.colour && stdout.isTTY === true;
  const note = (line: string): void => void stderr.write(`${line}\n`);
  return {
    json,
    lang,
    t,
    live: !json && stderr.isTTY === true,
    columns: stderr.columns || stdout.columns || 100,
    out: (line) => void (json || stdout.write(`${line}\n`)),
    write: (chunk) => void stdout.write(chunk),
    document: (value) => void (json && stdout.write(`${JSON.stringify(value)}\n`)),
    note,
    say: (key, values) => note(t(key, values)),
    raw: (text) => void stderr.write(text),
    paint: (style, text) => (colour ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text),
  };
}
