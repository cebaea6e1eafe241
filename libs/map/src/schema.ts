import { z } from 'zod';
import { EDGE_KINDS, NODE_KINDS, type NodeKind } from './kinds.js';

export const SLUG = /^[a-z0-9]+(-[a-z0-9]+)*$/;
export const Slug = z.string().max(80).regex(SLUG, 'lower-case letters, digits and single dashes');

const HAN = /\p{Script=Han}/u;
const text = (most: number) => z.string().trim().min(1).max(most);
/** A name; in Chinese it may be a proper name in Latin letters. */
const Name = z.strictObject({ en: text(120), zh: text(120) });
/** Something to read in both languages. */
const prose = (most: number) =>
  z
    .strictObject({ en: text(most), zh: text(most) })
    .refine((t) => HAN.test(t.zh), 'zh holds no Chinese character')
    .refine((t) => !HAN.test(t.en), 'en holds Chinese characters');

/** How a method works, for kinds algorithm, technique and training-method. */
const Method = z.strictObject({
  formula: text(1000).describe('LaTeX, without dollar signs'),
  inputs: prose(600),
  outputs: prose(600),
  when: prose(1200).describe('When to use it, and when something else'),
  complexity: prose(600).describe('Time and memory, with what the letters stand for'),
});

/** A number with all that is needed to believe it. */
const Figure = z.strictObject({
  value: z.number(),
  unit: Name,
  date: z
    .string()
    .regex(/^\d{4}(-\d{2}(-\d{2})?)?$/, 'a year, a month or a day: 2024, 2024-05, 2024-05-31')
    .describe('What time it speaks of, as exactly as the source says'),
  scope: prose(600).describe('What was counted, and what was not'),
  source: Slug.describe('The entry of kind source that it was read in'),
  check: z
    .strictObject({
      sum: z.array(Slug).min(2).optional().describe('Figures that add up to this one'),
      percent: z
        .strictObject({ part: Slug, whole: Slug, decimals: z.number().int().min(0).max(6) })
        .optional()
        .describe('This one is 100 · part / whole, rounded'),
    })
    .refine((c) => (c.sum === undefined) !== (c.percent === undefined), 'either sum or percent')
    .optional(),
});

/** Where something was published. */
const Citation = z.strictObject({
  title: text(400),
  authors: text(400).describe('As printed, shortened with "et al." from the fourth on'),
  year: z.number().int().min(1600).max(2100).optional().describe('Absent where the publication gives none'),
  venue: text(200).describe('Journal, conference, publisher or site').optional(),
  arxiv: z
    .string()
    .regex(/^(\d{4}\.\d{4,5}|[a-z-]+\/\d{7})$/, 'an arXiv identifier: 1706.03762')
    .optional(),
  doi: z
    .string()
    .regex(/^10\.\d{4,9}\/\S+$/, 'a DOI: 10.1038/nature14539')
    .optional(),
  url: z.url({ protocol: /^https$/, hostname: z.regexes.domain }).optional(),
});

export const OPENNESS = ['open', 'closed', 'mixed'] as const;
export const REGIONS = ['china', 'abroad', 'worldwide'] as const;

/** What an aggregation groups by. */
const Facets = z.strictObject({
  openness: z.enum(OPENNESS).optional(),
  region: z.enum(REGIONS).optional(),
  since: z.number().int().min(1700).max(2100).optional().describe('Year of first publication or foundation'),
});

const METHOD_DETAIL: readonly NodeKind[] = ['algorithm', 'technique', 'training-method'];
/** Kinds that need no body: a source is its citation. */
const WITHOUT_BODY: readonly NodeKind[] = ['source'];

/** One written entry of a map. */
export const Entry = z
  .strictObject({
    slug: Slug,
    kind: z.enum(NODE_KINDS).exclude(['recipe']),
    name: Name,
    aliases: z
      .strictObject({ en: z.array(text(120)).default([]), zh: z.array(text(120)).default([]) })
      .default({ en: [], zh: [] })
      .describe('Other names, for the search: abbreviations, spellings, former names'),
    summary: prose(400).describe('One or two sentences'),
    body: prose(20_000).optional().describe('Markdown without HTML'),
    tags: z.array(Slug).default([]),
    references: z.array(Slug).default([]).describe('Entries of kind source; each becomes an edge evidence-for'),
    runnable: z.boolean().default(false).describe('The map wants it as a job'),
    facets: Facets.default({}),
    method: Method.optional(),
    figure: Figure.optional(),
    citation: Citation.optional(),
    edges: z.partialRecord(z.enum(EDGE_KINDS).exclude(['runs-as']), z.array(Slug).min(1)).default({}),
  })
  .superRefine((e, ctx) => {
    const wants = (field: 'method' | 'figure' | 'citation' | 'body', needed: boolean, possible: boolean): void => {
      if (needed && e[field] === undefined)
        ctx.addIssue({ code: 'custom', path: [field], message: `an entry of kind ${e.kind} needs it` });
      if (!possible && e[field] !== undefined)
        ctx.addIssue({ code: 'custom', path: [field], message: `an entry of kind ${e.kind} has none` });
    };
    wants('method', e.kind === 'algorithm', METHOD_DETAIL.includes(e.kind));
    wants('figure', e.kind === 'figure', e.kind === 'figure');
    wants('citation', e.kind === 'source', e.kind === 'source');
    wants('body', !WITHOUT_BODY.includes(e.kind), true);
  });
export type Entry = z.output<typeof Entry>;
export type EntryInput = z.input<typeof Entry>;
