import { checkParsed } from './check.js';
import type { Parsed, Placed, Problem } from './read.js';
import type { Entry } from './schema.js';

/** Entries that one tenant may have at most. */
const MOST_ENTRIES = 50_000;
/** Entries of the public map need no place: they are sound. */
const PUBLIC = '(public map)';
/** Entries that were the tenant's before. */
const KEPT = '(your entries)';

const placedAt = (entries: readonly Entry[], file: string): Placed[] =>
  entries.map((entry) => ({ entry, file, line: 0 }));

/**
 * All that is wrong with a tenant's own entries beside the public map.
 * @param parsed entries of the file, with their places
 * @param kept other entries of the tenant that stay
 */
export function checkOwn(
  publicEntries: readonly Entry[],
  recipes: ReadonlySet<string>,
  parsed: Parsed,
  kept: readonly Entry[],
): Problem[] {
  const known = new Set(publicEntries.map((e) => e.slug));
  const shadows = parsed.entries.flatMap(({ entry: { slug }, file, line }): Problem[] =>
    known.has(slug) || recipes.has(slug)
      ? [{ file, line, slug, message: `"${slug}" is an entry of the public map: give yours another slug` }]
      : [],
  );
  if (parsed.entries.length + kept.length > MOST_ENTRIES)
    return [
      {
        file: parsed.entries[0]?.file ?? '',
        message: `there would be ${parsed.entries.length + kept.length} entries of your own; ${MOST_ENTRIES} are allowed`,
      },
    ];
  // two entries of one slug would bring a complaint for each of their edges: the rest stands beside the public one
  const shadowing = new Set(shadows.map((p) => p.slug));
  const rest = {
    entries: parsed.entries.filter((p) => !shadowing.has(p.entry.slug)),
    problems: [...parsed.problems, ...shadows],
  };
  return checkParsed(rest, [...placedAt(publicEntries, PUBLIC), ...placedAt(kept, KEPT)]).map((p) =>
    p.line === 0 ? { file: p.file, message: p.message, ...(p.slug ? { slug: p.slug } : {}) } : p,
  );
}
