import type { Localized } from '@strata/kernel';
import { UsageError } from '../errors.js';
import type { Io } from '../io.js';
import { isMessageKey, MESSAGES } from '../messages.js';
import { shown, unbroken } from '../view/wrap.js';
import type { Edge, MapNode } from './answers.js';

/** Columns of running text: longer lines are hard to read. */
const LONGEST = 100;
export const widthOf = (io: Io): number => Math.min(LONGEST, io.columns);

/** Text of an entry in the language of the command line, on one line. */
export const told = (io: Io, text: Localized): string => shown(unbroken(text[io.lang]));

const keyOf = (kind: string): string => kind.replaceAll('-', '_');
const worded = (io: Io, key: string, otherwise: string): string => (isMessageKey(key) ? io.t(key) : otherwise);

/** The kind of an entry in words. One that this version does not know stays as it is. */
export const kindText = (io: Io, kind: string): string => worded(io, `kind_${keyOf(kind)}`, kind);

export const modeText = (io: Io, mode: string): string => worded(io, `mode_${mode}`, mode);

/** Openness or region in words. */
export const facetText = (io: Io, value: string | null): string =>
  value === null ? '' : worded(io, `facet_${value}`, value);

/** An edge in words, as seen from one of its ends. */
export const edgeText = (io: Io, { kind, from }: Edge, seenFrom: string): string =>
  worded(io, `edge_${keyOf(kind)}_${from === seenFrom ? 'out' : 'in'}`, kind);

export const titled = (io: Io, { name, slug }: Pick<MapNode, 'name' | 'slug'>): string => `${told(io, name)} (${slug})`;

/** Kinds that there are words for: those of the map, which a spec compares. */
const known = (pattern: RegExp): string[] =>
  Object.keys(MESSAGES).flatMap((key) => pattern.exec(key)?.[1]?.replaceAll('_', '-') ?? []);
const NODE_KINDS = known(/^kind_(.+)$/);
const EDGE_KINDS = known(/^edge_(.+)_out$/);

/** One of several names by what was written: itself, or what it is called in either language. */
function byWord(word: string, names: readonly string[], prefix: string): string | undefined {
  const written = word.trim().toLowerCase();
  return names.find((name) => {
    const key = `${prefix}${keyOf(name)}`;
    const called = isMessageKey(key) ? [MESSAGES[key].en, MESSAGES[key].zh] : [];
    return [name, ...called].some((c) => c.toLowerCase() === written);
  });
}

/** What the API takes in one field, separated by commas. */
const listed = (given: readonly string[]): string[] =>
  given
    .flatMap((w) => w.split(/[,，]/))
    .map((w) => w.trim())
    .filter(Boolean);

/**
 * Kinds for the API: `算法` and `algorithm` are the same one. What only looks like a kind goes to the gateway, which may know more of them.
 * @throws UsageError
 */
export function kindsOf(given: readonly string[]): string {
  const kinds = listed(given).map((word) => {
    const kind = byWord(word, NODE_KINDS, 'kind_') ?? word;
    if (!/^[a-z0-9-]+$/.test(kind)) throw new UsageError('u_kinds', { kind: word, kinds: NODE_KINDS.join(', ') });
    return kind;
  });
  return kinds.join(',');
}

/** @throws UsageError */
export function edgeKindsOf(given: readonly string[]): string {
  for (const kind of listed(given))
    if (!/^[a-z0-9-]+$/.test(kind)) throw new UsageError('u_kinds', { kind, kinds: EDGE_KINDS.join(', ') });
  return listed(given).join(',');
}

export const joined = (given: readonly string[]): string => listed(given).join(',');
