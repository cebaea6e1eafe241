import { EDGE_KINDS } from '../kinds.js';
import { parseValue, type Parsed } from '../read.js';
import type { Entry } from '../schema.js';

/** Names of entries and of the vocabulary. They identify, and lead nowhere. */
const BASE = 'urn:strata:map:';
const VOCABULARY = 'urn:strata:vocabulary:';

const CONTEXT = {
  '@base': BASE,
  '@vocab': VOCABULARY,
  slug: '@id',
  kind: '@type',
  name: { '@id': 'http://www.w3.org/2004/02/skos/core#prefLabel', '@container': '@language' },
  aliases: { '@id': 'http://www.w3.org/2004/02/skos/core#altLabel', '@container': '@language' },
  summary: { '@id': 'http://www.w3.org/2004/02/skos/core#definition', '@container': '@language' },
  body: { '@id': 'http://purl.org/dc/terms/description', '@container': '@language' },
  references: { '@id': 'http://purl.org/dc/terms/references', '@type': '@id' },
  unit: { '@container': '@language' },
  scope: { '@container': '@language' },
  inputs: { '@container': '@language' },
  outputs: { '@container': '@language' },
  when: { '@container': '@language' },
  complexity: { '@container': '@language' },
  source: { '@type': '@id' },
  sum: { '@type': '@id' },
  part: { '@type': '@id' },
  whole: { '@type': '@id' },
  ...Object.fromEntries(EDGE_KINDS.map((k) => [k, { '@type': '@id' }])),
} as const;

/** A JSON-LD 1.1 document (W3C Recommendation 2020): labels and definitions as SKOS, edges as properties. Its compact form is that of the content files. */
export const writeJsonld = (entries: readonly Entry[]): string =>
  JSON.stringify(
    {
      '@context': { '@version': 1.1, ...CONTEXT },
      '@graph': entries.map(({ edges, ...entry }) => ({ ...entry, ...edges })),
    },
    undefined,
    1,
  );

/** Entries of a document that `writeJsonld` made, or one in the same compact form; others are refused. */
export const readJsonld = (text: string, file: string): Parsed =>
  parseValue(text, file, (document) => {
    const graph = (document as { '@graph'?: unknown } | null)?.['@graph'];
    if (!Array.isArray(graph)) return 'there is no "@graph": only the compact form that an export has is read';
    return {
      path: ['@graph'],
      items: graph.map((item: unknown) => {
        if (typeof item !== 'object' || item === null) return item;
        const edges: Record<string, unknown> = {};
        const entry: Record<string, unknown> = {};
        for (const [key, value] of Object.entries(item))
          if ((EDGE_KINDS as readonly string[]).includes(key)) edges[key] = Array.isArray(value) ? value : [value];
          else entry[key] = value;
        return { ...entry, edges };
      }),
    };
  });
