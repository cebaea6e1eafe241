import type { Entry } from '@strata/map';

export interface FieldChange {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}
export interface EntryChange {
  readonly slug: string;
  readonly change: 'added' | 'changed' | 'removed';
  readonly fields: readonly FieldChange[];
}

const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);

/** Equal, whatever the order of keys: the database keeps none. */
function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => same(x, b[i]));
  if (!isRecord(a) || !isRecord(b)) return a === b;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((k) => same(a[k], b[k]));
}

/** Fields that differ, by their paths: objects are entered, lists are compared whole. */
function fieldsOf(before: unknown, after: unknown, path: string): FieldChange[] {
  if (same(before, after)) return [];
  if (isRecord(before) && isRecord(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((k) => fieldsOf(before[k], after[k], path ? `${path}.${k}` : k));
  }
  return [{ field: path, before, after }];
}

/** What became of each entry between two states, in the order of slugs. */
export function diffEntries(before: readonly Entry[], after: readonly Entry[]): EntryChange[] {
  const old = new Map(before.map((e) => [e.slug, e]));
  const now = new Map(after.map((e) => [e.slug, e]));
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((slug): EntryChange[] => {
    const [a, b] = [old.get(slug), now.get(slug)];
    const fields = fieldsOf(a ?? {}, b ?? {}, '');
    if (!fields.length) return [];
    return [{ slug, change: !a ? 'added' : !b ? 'removed' : 'changed', fields }];
  });
}

export const slugsOf = (changes: readonly EntryChange[], change: EntryChange['change']): string[] =>
  changes.filter((c) => c.change === change).map((c) => c.slug);
