import { UsageError } from './errors.js';
import type { MessageKey } from './messages.js';

/** The part of JSON Schema that recipes' parameters use. */
export interface ParamSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly ParamSchema[];
  readonly items?: ParamSchema;
  readonly prefixItems?: readonly ParamSchema[];
}
export interface ParamsSchema {
  readonly properties?: Readonly<Record<string, ParamSchema>>;
  readonly required?: readonly string[];
}

export interface Flag {
  readonly param: string;
  /** `--max-iter` for `max_iter`. */
  readonly flag: string;
  readonly schema: ParamSchema;
  readonly required: boolean;
}

export const flagName = (param: string): string => param.replaceAll('_', '-');

/** One flag for each parameter of a recipe. */
export function flagsOf(schema: ParamsSchema): Flag[] {
  return Object.entries(schema.properties ?? {}).map(([param, s]) => ({
    param,
    flag: flagName(param),
    schema: s,
    required: (schema.required ?? []).includes(param) && s.default === undefined,
  }));
}

const typesOf = (s: ParamSchema): string[] =>
  s.type === undefined ? [] : typeof s.type === 'string' ? [s.type] : [...s.type];
export const isBoolean = (s: ParamSchema): boolean => typesOf(s).includes('boolean');

/** `integer, 1 or more` would be the gateway's to say; this is the kind alone: `integer`, `number[]`, `adam|sgd`, `integer|null`. */
export function kindOf(s: ParamSchema): string {
  if (s.anyOf) return s.anyOf.map(kindOf).join('|');
  if (s.enum) return s.enum.map(String).join('|');
  if (s.const !== undefined) return String(s.const);
  if (typesOf(s).includes('array')) return `${s.items ? kindOf(s.items) : 'any'}[]`;
  return typesOf(s).join('|') || 'any';
}

const wrong = (flag: string, value: string, wanted: MessageKey, values = {}): never => {
  throw new UsageError('u_value', { flag, value, wanted, ...values });
};

/** Splits at commas that stand outside brackets and quotes: `a,b`, `[1,2]`, `"x,y",z`. */
function splitList(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/g)].map((m) => (m[1] ?? m[2] ?? '').trim());
}

function json(flag: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return wrong(flag, text, 'u_json');
  }
}

/**
 * What was written on the command line as the parameter's JSON value. Ranges and the like are left to the gateway, which knows them all.
 * @throws UsageError
 */
export function coerce(flag: string, s: ParamSchema, raw: string): unknown {
  if (s.anyOf) {
    if (raw === 'null' && s.anyOf.some((o) => o.type === 'null')) return null;
    let first: unknown;
    for (const option of s.anyOf.filter((o) => o.type !== 'null')) {
      try {
        return coerce(flag, option, raw);
      } catch (e) {
        first ??= e;
      }
    }
    throw first;
  }
  if (s.enum) {
    const found = s.enum.find((v) => String(v) === raw);
    return found === undefined ? wrong(flag, raw, 'u_one_of', { values: s.enum.join(', ') }) : found;
  }
  if (s.const !== undefined)
    return String(s.const) === raw ? s.const : wrong(flag, raw, 'u_one_of', { values: String(s.const) });
  const types = typesOf(s);
  const number = raw.trim() === '' ? NaN : Number(raw);
  if (types.includes('integer')) return Number.isInteger(number) ? number : wrong(flag, raw, 'u_integer');
  if (types.includes('number')) return Number.isFinite(number) ? number : wrong(flag, raw, 'u_number');
  if (types.includes('boolean')) return raw === 'true' ? true : raw === 'false' ? false : wrong(flag, raw, 'u_boolean');
  if (types.includes('array')) {
    if (raw.trim().startsWith('[')) return json(flag, raw);
    return splitList(raw).map((item, i) => coerce(flag, s.prefixItems?.[i] ?? s.items ?? {}, item));
  }
  if (types.includes('object')) return raw.trim().startsWith('{') ? json(flag, raw) : pairs(flag, splitList(raw));
  return raw;
}

/** `NAME=VALUE` words as an object. @throws UsageError */
export function pairs(flag: string, words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at < 1) throw new UsageError('u_pair', { flag, value: word });
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}
