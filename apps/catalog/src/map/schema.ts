import { z } from 'zod';

/** What an entry of the map is. `recipe` is not written in the content: those entries are made from the recipes. */
export const NODE_KINDS = [
  'layer',
  'section',
  'participant-class',
  'organisation',
  'model',
  'framework',
  'platform',
  'community',
  'statistic',
  'business-model',
  'algorithm-family',
  'algorithm',
  'technique',
  'training-method',
  'stage',
  'step',
  'application',
  'task',
  'trend',
  'case',
  'platform-function',
] as const;

/** How entries relate; read an edge as a sentence, `from kind to`. */
export const EDGE_KINDS = [
  'contains',
  'offers',
  'uses',
  'applied-in',
  'trained-by',
  'precedes',
  'excludes',
  'subset-of',
  'earns-by',
  'trend-of',
  'runs-as',
] as const;
export type EdgeKind = (typeof EDGE_KINDS)[number];

export const SLUG = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const Slug = z.string().regex(SLUG, 'lower-case letters, digits and single dashes');

/** Something to read in both languages; the Chinese text must hold a Chinese character unless it is a proper name. */
const Localized = z.strictObject({ en: z.string().trim().min(1), zh: z.string().trim().min(1) });
const Prose = Localized.refine((t) => /\p{Script=Han}/u.test(t.zh), 'zh holds no Chinese character').refine(
  (t) => !/\p{Script=Han}/u.test(t.en),
  'en holds Chinese characters',
);

/** One entry of a content file. */
export const Entry = z.strictObject({
  slug: Slug,
  kind: z.enum(NODE_KINDS),
  name: Localized,
  summary: Prose,
  body: Prose.optional(),
  aliases: z.array(z.string().trim().min(1)).default([]),
  tags: z.array(Slug).default([]),
  runnable: z.boolean().default(false).describe('the map wants it as a job'),
  edges: z.partialRecord(z.enum(EDGE_KINDS), z.array(Slug).min(1)).default({}),
});
export type Entry = z.infer<typeof Entry>;
