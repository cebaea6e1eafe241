import { z } from 'zod';
import type { RecipeDefinition, SmokeInput } from './recipe.js';

/** Characters of a data file that are shown. */
const SHOWN = 2_000;

/** The small run that every recipe brings with it, as it can be shown: the beginning of its data in the place of the code that makes them. */
export const SmokeView = z
  .object({
    params: z.record(z.string(), z.unknown()).describe('parameters of the small run; the others have their defaults'),
    inputs: z.record(
      z.string(),
      z.discriminatedUnion('from', [
        z.object({
          from: z.literal('data'),
          format: z.string(),
          target: z.string().nullable(),
          bytes: z.number().int(),
          head: z.string().nullable().describe(`the first ${SHOWN} characters; null where the data are no text`),
        }),
        z.object({ from: z.literal('model'), recipe: z.string() }).describe('the model that another small run makes'),
        z.object({ from: z.literal('file'), recipe: z.string() }).describe('the file that another small run makes'),
        z
          .object({ from: z.literal('input'), recipe: z.string(), input: z.string() })
          .describe('the data that another small run takes'),
      ]),
    ),
    falls: z.string().nullable().describe('metric that falls during the run'),
  })
  .meta({ id: 'RecipeSmoke' });
export type SmokeView = z.infer<typeof SmokeView>;

function inputView(input: SmokeInput): SmokeView['inputs'][string] {
  if ('model' in input) return { from: 'model', recipe: input.model };
  if ('file' in input) return { from: 'file', recipe: input.file };
  if ('from' in input) return { from: 'input', recipe: input.from, input: input.input };
  const data = input.dataset();
  const text = typeof data === 'string';
  return {
    from: 'data',
    format: input.format,
    target: input.target ?? null,
    bytes: text ? new TextEncoder().encode(data).length : data.length,
    head: text ? data.slice(0, SHOWN) : null,
  };
}

/** Makes the data, which may take a moment. */
export const smokeOf = ({ smoke }: RecipeDefinition): SmokeView => ({
  params: { ...smoke.params },
  inputs: Object.fromEntries(Object.entries(smoke.inputs).map(([name, input]) => [name, inputView(input)])),
  falls: smoke.falls ?? null,
});
