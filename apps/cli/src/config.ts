import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Language } from '@strata/kernel';
import { z } from 'zod';

/** Settings of the command line. Flags (`--url`, `--key`, `--lang`) win over them. */
export const ConfigSchema = z.object({
  STRATA_URL: z
    .string()
    .default('')
    .describe('address of the gateway; empty: the one of `strata login`, else http://127.0.0.1:4600'),
  STRATA_KEY: z
    .string()
    .default('')
    .describe('API key; empty: the one of `strata login`, else that of the platform started in this checkout'),
  STRATA_LANG: z.string().default('').describe('en or zh; empty: by LC_ALL, LC_MESSAGES, LANG'),
  STRATA_DATA_DIR: z.string().default('').describe('data folder of the platform in this checkout; empty: .data'),
  XDG_CONFIG_HOME: z
    .string()
    .default('')
    .describe('folder that holds strata/, where `strata login` keeps address and key; empty: ~/.config'),
  NO_COLOR: z.string().default('').describe('set to anything: no colours'),
  LC_ALL: z.string().default('').describe('language of the system'),
  LC_MESSAGES: z.string().default('').describe('language of the system'),
  LANG: z.string().default('').describe('language of the system'),
});
export type Config = z.output<typeof ConfigSchema>;

export const readConfig = (): Config => ConfigSchema.parse(process.env);

export const DEFAULT_URL = 'http://127.0.0.1:4600';
/** The checkout that this file belongs to. */
export const CHECKOUT = path.resolve(import.meta.dirname, '../../..');

const Package = z.object({ version: z.string() });
/** Version of the command line: that of its checkout. */
export const ownVersion = (): string =>
  Package.parse(JSON.parse(readFileSync(path.join(CHECKOUT, 'package.json'), 'utf8'))).version;

export function languageOf(config: Config): Language {
  const said = config.STRATA_LANG || config.LC_ALL || config.LC_MESSAGES || config.LANG;
  return /^zh/i.test(said) ? 'zh' : 'en';
}

const folderOf = (config: Config): string =>
  path.join(config.XDG_CONFIG_HOME || path.join(homedir(), '.config'), 'strata');

export interface Login {
  readonly url: string;
  /** File that holds the key and nothing else, so that `$(cat FILE)` gives it. */
  readonly keyFile: string;
}

/** Keeps address and key for later calls; only the owner can read them. */
export function saveLogin(config: Config, url: string, key: string): Login {
  const dir = folderOf(config);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const keep = (name: string, text: string): string => {
    const file = path.join(dir, name);
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    chmodSync(`${file}.new`, 0o600);
    renameSync(`${file}.new`, file);
    return file;
  };
  keep('login.json', `${JSON.stringify({ url })}\n`);
  return { url, keyFile: keep('key', `${key}\n`) };
}

export function forgetLogin(config: Config): void {
  for (const name of ['login.json', 'key']) rmSync(path.join(folderOf(config), name), { force: true });
}

export function readLogin(config: Config): Login | undefined {
  const file = path.join(folderOf(config), 'login.json');
  if (!existsSync(file)) return undefined;
  const parsed = z.object({ url: z.string() }).safeParse(JSON.parse(readFileSync(file, 'utf8')));
  return parsed.success ? { url: parsed.data.url, keyFile: path.join(folderOf(config), 'key') } : undefined;
}

/** Unfinished uploads, so that the same command goes on where the last one stopped. */
export const uploadsFile = (config: Config): string => path.join(folderOf(config), 'uploads.json');

export interface Connection {
  readonly url: string;
  readonly key: string | undefined;
  /** Shell words that give the key, for lines to paste. */
  readonly keyWords: string;
}

const quoted = (file: string): string => (/^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`);
const isLocal = (url: string): boolean => ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
const keyIn = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined; // absent, or somebody else's: the call goes without a key, and the gateway says so
  }
};

/** Where to call and with which key: flags, environment, login, and last the platform of this checkout. */
export function connectionOf(config: Config, flags: { url?: string; key?: string; keyFile?: string }): Connection {
  const login = readLogin(config);
  const url = (flags.url || config.STRATA_URL || login?.url || DEFAULT_URL).replace(/\/+$/, '');
  const cat = (file: string): Connection => ({ url, key: keyIn(file), keyWords: `$(cat ${quoted(file)})` });
  if (flags.key) return { url, key: flags.key, keyWords: '$STRATA_KEY' };
  if (flags.keyFile) return cat(path.resolve(flags.keyFile));
  if (config.STRATA_KEY) return { url, key: config.STRATA_KEY, keyWords: '$STRATA_KEY' };
  // a key is shown to nobody but the address that it was kept for
  if (login?.url === url) return cat(login.keyFile);
  const own = path.join(path.resolve(CHECKOUT, config.STRATA_DATA_DIR || '.data'), 'admin-key');
  return isLocal(url) && existsSync(own) ? cat(own) : { url, key: undefined, keyWords: '$STRATA_KEY' };
}
