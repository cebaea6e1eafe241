import { z } from 'zod';

/** One test of the evidence suite, as it went when it last ran. */
export const EvidenceRun = z.strictObject({
  what: z
    .string()
    .min(1)
    .max(200)
    .describe('what was learned or judged: the data set, and the variant where there are several'),
  passed: z.boolean().describe('every figure kept the bound that is claimed for it'),
  date: z.iso.datetime(),
  commit: z
    .string()
    .regex(/^[0-9a-f]{7,40}$/)
    .nullable()
    .describe('what was checked out; null outside a repository'),
  changed: z.boolean().describe('the checkout held changes that no commit has'),
  hardware: z.string(),
  figures: z.record(z.string(), z.number()),
});
export type EvidenceRun = z.infer<typeof EvidenceRun>;

/** What the evidence suite found about a recipe, each test as it last ran: the content of `evidenceFile(recipe)`. */
export const EvidenceRecord = z
  .strictObject({ recipe: z.string(), runs: z.array(EvidenceRun).min(1) })
  .meta({ id: 'EvidenceRecord' });
export type EvidenceRecord = z.infer<typeof EvidenceRecord>;

/** Path of a recipe's record within the folder of records. */
export const evidenceFile = (recipe: string): string => `${recipe}.json`;
