import { ID_PREFIX, StrataError } from '@strata/kernel';

/** What may follow the `@` of a reference, or stand in place of a version's number. */
export type Selector = { readonly version: number } | { readonly alias: string };

/** Always the newest version; it cannot be set. */
export const LATEST = 'latest';
/** The deployed version; it cannot be set. */
export const DEPLOYED = 'deployed';

const VERSION_ID = new RegExp(`^${ID_PREFIX.modelVersion}_[0-9a-f]{32}$`);

export const isVersionId = (ref: string): boolean => VERSION_ID.test(ref);

export function selectorOf(text: string | number): Selector {
  if (typeof text === 'number') return { version: text };
  return /^[0-9]{1,9}$/.test(text) ? { version: Number(text) } : { alias: text };
}

/**
 * `name`, `name@3`, `name@alias`.
 * @throws StrataError `invalid_request` for anything else
 */
export function parseRef(ref: string): { name: string; selector: Selector } {
  const match = /^([a-zA-Z0-9][a-zA-Z0-9._-]{0,63})(?:@([a-zA-Z0-9][a-zA-Z0-9._-]{0,63}))?$/.exec(ref);
  if (!match?.[1])
    throw new StrataError(
      'invalid_request',
      `"${ref.slice(0, 100)}" is no reference to a model: write name, name@3, name@alias or the id of a version (mv_…)`,
    );
  return { name: match[1], selector: selectorOf(match[2] ?? LATEST) };
}
