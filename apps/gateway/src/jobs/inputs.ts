import type { InputRef, InputSpec, RecipeDefinition, ResolvedInput } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { getRecipe } from '@strata/recipes';
import type { DatasetRegistrar, FileResolver, ModelRegistrar } from '../resources.js';
import type { JobRow, RecordedOutput } from './job.table.js';

/** An output of another job: resolved once that job has succeeded. */
export interface OutputRef {
  readonly job: string;
  readonly output: string;
}
export const isOutputRef = (ref: InputRef): ref is OutputRef => typeof ref !== 'string';

const at = (name: string): { where: { field: string } } => ({ where: { field: `inputs.${name}` } });

/**
 * Every input that the recipe needs is given, and none that it does not know.
 * @throws StrataError `invalid_input`
 */
export function checkInputNames(recipe: RecipeDefinition, inputs: Readonly<Record<string, InputRef>>): void {
  const names = Object.keys(recipe.inputs);
  for (const name of Object.keys(inputs))
    if (!recipe.inputs[name])
      throw new StrataError(
        'invalid_input',
        `recipe ${recipe.name} has no input "${name}". Its inputs: ${names.join(', ') || 'none'}`,
        at(name),
      );
  for (const name of names)
    if (!recipe.inputs[name]?.optional && inputs[name] === undefined)
      throw new StrataError(
        'invalid_input',
        `recipe ${recipe.name} needs the input "${name}" (a ${recipe.inputs[name]?.kind}): ${recipe.inputs[name]?.description.en}`,
        at(name),
      );
}

/**
 * The output that an input refers to exists in the other job's recipe and is of the right kind.
 * @throws StrataError `invalid_input`
 */
export function checkOutputRef(spec: InputSpec, name: string, ref: OutputRef, parentRecipe: string): void {
  const { outputs } = getRecipe(parentRecipe);
  const output = outputs[ref.output];
  if (!output)
    throw new StrataError(
      'invalid_input',
      `recipe ${parentRecipe} (job ${ref.job}) has no output "${ref.output}". Its outputs: ${Object.keys(outputs).join(', ') || 'none'}`,
      at(name),
    );
  if (output.kind !== spec.kind)
    throw new StrataError(
      'invalid_input',
      `input "${name}" takes a ${spec.kind}, and output "${ref.output}" of ${parentRecipe} is a ${output.kind}`,
      at(name),
    );
}

/** What a succeeded job has made, as an input of the next one. @throws StrataError `invalid_input` when it left out an optional output */
export function resolveOutput(parent: Pick<JobRow, 'id' | 'outputs'>, ref: OutputRef, name: string): ResolvedInput {
  const recorded: RecordedOutput | undefined = parent.outputs?.[ref.output];
  const id = recorded?.id;
  if (id && recorded.output.kind === 'dataset')
    return { kind: 'dataset', id, file: recorded.output.file, format: recorded.output.format };
  if (id && recorded.output.kind === 'model')
    return { kind: 'model', id, files: recorded.output.files, manifest: recorded.output.manifest };
  // a file is no resource of its own: it is known by the job that made it
  if (recorded?.output.kind === 'file') {
    const { file, media_type, name: called } = recorded.output;
    return { kind: 'file', id: `${parent.id}/${ref.output}`, file, media_type, name: called };
  }
  throw new StrataError(
    'invalid_input',
    `job ${parent.id} made no "${ref.output}" that input "${name}" could take`,
    at(name),
  );
}

/** Resolves references by name or id. @throws StrataError `invalid_input`, `not_found` */
export async function resolveNamed(
  tenantId: string,
  recipe: RecipeDefinition,
  inputs: Readonly<Record<string, InputRef>>,
  resources: { readonly dataset: DatasetRegistrar; readonly model: ModelRegistrar; readonly file: FileResolver },
): Promise<Record<string, ResolvedInput>> {
  const resolved: Record<string, ResolvedInput> = {};
  for (const [name, ref] of Object.entries(inputs)) {
    if (isOutputRef(ref)) continue;
    try {
      resolved[name] = await resources[recipe.inputs[name]?.kind ?? 'dataset'].resolve(tenantId, ref);
    } catch (cause) {
      if (!(cause instanceof StrataError)) throw cause;
      throw new StrataError(cause.code, `input "${name}": ${cause.message}`, { ...at(name), cause });
    }
  }
  return resolved;
}
