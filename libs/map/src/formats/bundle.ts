import { edgesOf } from '../check.js';
import { parseValue, type Parsed } from '../read.js';
import type { Entry } from '../schema.js';

export const BUNDLE_FORMAT = 'strata-map/1';

/** All that a static site needs in one file: entries, their edges ready for drawing, and counts. */
export const writeBundle = (entries: readonly Entry[], version: string): string => {
  const edges = entries.flatMap(edgesOf);
  const kinds: Record<string, number> = {};
  for (const e of entries) kinds[e.kind] = (kinds[e.kind] ?? 0) + 1;
  return JSON.stringify({
    format: BUNDLE_FORMAT,
    version,
    counts: { entries: entries.length, edges: edges.length, kinds },
    entries,
    edges,
  });
};

/** Entries of a bundle, or of a plain list of entries. */
export const readBundle = (text: string, file: string): Parsed =>
  parseValue(text, file, (document) => {
    if (Array.isArray(document)) return { path: [], items: document as unknown[] };
    const { format, entries } = (document ?? {}) as { format?: unknown; entries?: unknown };
    if (format !== undefined && format !== BUNDLE_FORMAT)
      return `format: ${JSON.stringify(format)} is not known; there is ${BUNDLE_FORMAT}`;
    if (!Array.isArray(entries)) return 'it must be a list of entries, or an object with the list "entries"';
    return { path: ['entries'], items: entries as unknown[] };
  });
