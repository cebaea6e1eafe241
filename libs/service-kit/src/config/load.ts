import { StrataError } from '@strata/kernel';
import { z } from 'zod';

export type Env = Readonly<Record<string, string | undefined>>;

const bare = (name: string): string => name.toLowerCase().replaceAll('_', '');

/** Names that differ from a setting only by case or underscores: surely meant, silently ignored otherwise. */
function misspelt(known: readonly string[], env: Env): { name: string; meant: string }[] {
  const byBare = new Map(known.map((k) => [bare(k), k]));
  return Object.keys(env).flatMap((name) => {
    const meant = byBare.get(bare(name));
    return meant && meant !== name && env[name] !== '' ? [{ name, meant }] : [];
  });
}

/**
 * Reads a service's settings from the environment, once. An empty variable counts as absent, as compose files write it.
 * Only the names of the schema are read; a name that is plainly a misspelling of one is refused.
 * @throws StrataError `invalid_configuration`, naming every wrong setting with its description
 */
export function loadConfig<S extends z.ZodObject>(schema: S, env: Env): z.output<S> {
  const names = Object.keys(schema.shape);
  const given = Object.fromEntries(names.flatMap((n) => (env[n] === undefined || env[n] === '' ? [] : [[n, env[n]]])));
  const parsed = z.safeParse(schema, given);
  const lines = misspelt(names, env).map(({ name, meant }) => `${name}: there is no such setting; write ${meant}`);
  for (const issue of parsed.error?.issues ?? []) {
    const name = String(issue.path[0] ?? '');
    const about = (schema.shape[name] as z.ZodType | undefined)?.description;
    const what = given[name] === undefined && name ? 'is missing' : issue.message;
    lines.push(`${name || 'settings'}: ${what}${about ? ` (${about})` : ''}`);
  }
  if (lines.length || !parsed.success)
    throw new StrataError(
      'invalid_configuration',
      `${lines.length === 1 ? 'a setting is' : `${lines.length} settings are`} wrong; set them in the environment (docs/configuration.md):\n  ${lines.join('\n  ')}`,
    );
  return parsed.data;
}

/**
 * The environment for processes that run recipes: what the system and native libraries read, without this service's settings (tokens,
 * addresses of databases).
 */
export function withoutSettings(schema: z.ZodObject, env: Env): Record<string, string> {
  const settings = new Set(Object.keys(schema.shape));
  return Object.fromEntries(
    Object.entries(env).flatMap(([k, v]) => (v === undefined || settings.has(k) ? [] : [[k, v]])),
  );
}
