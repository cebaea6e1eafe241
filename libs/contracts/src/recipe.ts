import { StrataError, type Localized } from '@strata/kernel';
import { z } from 'zod';
import type { DatasetFormat } from './artifacts.js';
import type { JobContext } from './context.js';

/** The queue decides which worker runs a recipe. */
export const QUEUES = ['train', 'infer', 'compress'] as const;
export type QueueName = (typeof QUEUES)[number];

export type ArtifactKind = 'dataset' | 'model' | 'report' | 'file';

export interface InputSpec {
  readonly kind: 'dataset' | 'model' | 'file';
  readonly optional?: boolean;
  readonly description: Localized;
}
export interface OutputSpec {
  readonly kind: ArtifactKind;
  readonly optional?: boolean;
  readonly description: Localized;
}

/** What the module behind `run` exports. The result is small JSON for people and for the next step: figures, not data. */
export interface RecipeModule<P> {
  run(ctx: JobContext, params: P): Promise<Record<string, unknown>>;
}

/** A run small enough for the conformance suite: parameters, and inputs made by code from a seed. */
export interface SmokeSpec<P> {
  readonly params: Partial<P>;
  /** Text of a data file for each dataset input; a model input names the recipe (and its smoke run) that makes it. */
  readonly inputs: Readonly<Record<string, SmokeInput>>;
  /** Metric that must fall (`train_loss`) between the first and the last report of the smoke run. */
  readonly falls?: string;
}
export type SmokeInput =
  | {
      readonly dataset: () => string | Uint8Array;
      readonly format: DatasetFormat['format'];
      readonly target?: string;
    }
  | { readonly model: string }
  /** The recipe whose smoke run makes the file. */
  | { readonly file: string }
  /** The data file that another recipe's smoke run takes as this input: what its model was trained on. */
  | { readonly from: string; readonly input: string };

/** The figure that the recipe earned on public data, and how to earn it again. */
export interface Reference {
  readonly metric: string;
  readonly value: number;
  /** Absolute distance that a new run may show. */
  readonly tolerance: number;
  readonly data: string;
  readonly command: string;
  readonly date: string;
  readonly hardware: string;
  /** Short hash of the commit whose code gave the value. */
  readonly commit: string;
}

export interface RecipeDefinition<S extends z.ZodObject = z.ZodObject> {
  /** `group/name`, the folder under libs/recipes/src. */
  readonly name: string;
  readonly version: number;
  readonly queue: QueueName;
  readonly title: Localized;
  readonly summary: Localized;
  /** Slugs of the map's nodes that this makes runnable. */
  readonly catalog: readonly string[];
  /** Closed object; every parameter has a default or is required, a description (`.describe`) and a scikit-learn / PyTorch name. */
  readonly params: S;
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly outputs: Readonly<Record<string, OutputSpec>>;
  /** It saves checkpoints: it can be paused, and a killed run goes on where it was. */
  readonly resumable: boolean;
  /** It opens no native session and keeps no state: its process may serve the next such job too. */
  readonly light?: boolean;
  readonly smoke: SmokeSpec<z.input<S>>;
  readonly reference?: Reference;
  /** Loads the code only in the process that runs it: a manifest costs no native library. */
  readonly run: () => Promise<RecipeModule<z.output<S>>>;
}

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*\/[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/**
 * Checks a definition when its module loads, so that a wrong one stops the start of every service with the mend in the message.
 * @throws StrataError `recipe_definition`
 */
export function defineRecipe<S extends z.ZodObject>(definition: RecipeDefinition<S>): RecipeDefinition<S> {
  const wrong = (what: string): never => {
    throw new StrataError('recipe_definition', `recipe "${definition.name}": ${what}`, {
      where: { field: definition.name },
    });
  };
  if (!NAME.test(definition.name))
    wrong('the name must be group/name in lower case, for example language/text-classifier');
  const smoke = definition.params.safeParse(definition.smoke.params);
  if (!smoke.success)
    wrong(
      `the parameters of its smoke run fail its own schema: ${z.prettifyError(smoke.error)}. Give the missing parameters a default or set them in smoke.params`,
    );
  for (const name of Object.keys(definition.smoke.inputs))
    if (!definition.inputs[name])
      wrong(`smoke input "${name}" is not among its inputs (${Object.keys(definition.inputs).join(', ')})`);
  for (const [name, spec] of Object.entries(definition.inputs))
    if (!spec.optional && !definition.smoke.inputs[name]) wrong(`its smoke run gives no input "${name}"`);
  return definition;
}

/** What the catalog lists, the console draws and the command line reads: the definition as JSON. */
export const RecipeManifest = z
  .object({
    name: z.string(),
    version: z.number().int(),
    queue: z.enum(QUEUES),
    title: z.object({ en: z.string(), zh: z.string() }),
    summary: z.object({ en: z.string(), zh: z.string() }),
    catalog: z.array(z.string()),
    params: z.record(z.string(), z.unknown()).describe('JSON Schema (draft 2020-12) of the parameters'),
    inputs: z.record(
      z.string(),
      z.object({
        kind: z.enum(['dataset', 'model', 'file']),
        optional: z.boolean(),
        description: z.object({ en: z.string(), zh: z.string() }),
      }),
    ),
    outputs: z.record(
      z.string(),
      z.object({
        kind: z.enum(['dataset', 'model', 'report', 'file']),
        optional: z.boolean(),
        description: z.object({ en: z.string(), zh: z.string() }),
      }),
    ),
    resumable: z.boolean(),
    reference: z
      .object({
        metric: z.string(),
        value: z.number(),
        tolerance: z.number(),
        data: z.string(),
        command: z.string(),
        date: z.iso.date(),
        hardware: z.string(),
        commit: z
          .string()
          .regex(/^[0-9a-f]{7,40}$/)
          .describe('the commit whose code gave the value'),
      })
      .nullable(),
  })
  .meta({ id: 'RecipeManifest' });
export type RecipeManifest = z.infer<typeof RecipeManifest>;

export function manifestOf(r: RecipeDefinition): RecipeManifest {
  const io = <T extends { optional?: boolean }>(specs: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(specs).map(([k, v]) => [k, { ...v, optional: v.optional ?? false }]));
  return {
    name: r.name,
    version: r.version,
    queue: r.queue,
    title: r.title,
    summary: r.summary,
    catalog: [...r.catalog],
    params: z.toJSONSchema(r.params, { io: 'input', unrepresentable: 'throw' }) as Record<string, unknown>,
    inputs: io(r.inputs) as RecipeManifest['inputs'],
    outputs: io(r.outputs) as RecipeManifest['outputs'],
    resumable: r.resumable,
    reference: r.reference ?? null,
  };
}

const strict = new WeakMap<z.ZodObject, z.ZodObject>();
/** Made once for each recipe: zod compiles a schema at its first use, which costs more than all parsing. */
function strictOf(params: z.ZodObject): z.ZodObject {
  let schema = strict.get(params);
  if (!schema) strict.set(params, (schema = z.strictObject(params.shape)));
  return schema;
}

/**
 * Parameters as the recipe takes them: defaults filled, unknown names refused.
 * @throws StrataError `invalid_parameter`, naming the first wrong field
 */
export function parseParams<S extends z.ZodObject>(r: RecipeDefinition<S>, params: unknown): z.output<S> {
  const parsed = strictOf(r.params).safeParse(params ?? {});
  if (parsed.success) return r.params.parse(params ?? {}) as z.output<S>;
  const issue = parsed.error.issues[0];
  const path = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.join('.');
  const known = Object.keys(r.params.shape).join(', ');
  const message =
    issue?.code === 'unrecognized_keys'
      ? `recipe ${r.name} has no parameter "${path}". Its parameters: ${known}`
      : `parameter "${path}" of recipe ${r.name}: ${issue?.message}`;
  throw new StrataError('invalid_parameter', message, { where: { field: `params.${path ?? ''}` } });
}
