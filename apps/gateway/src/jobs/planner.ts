import { randomInt } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  type CreateJob,
  ENDED,
  type InputRef,
  parseParams,
  type RecipeDefinition,
  type ResolvedInput,
} from '@strata/contracts';
import { newId, StrataError } from '@strata/kernel';
import { getRecipe } from '@strata/recipes';
import type { Trx } from '../db/tables.js';
import { DatasetRegistrar, FileResolver, ModelRegistrar } from '../resources.js';
import { checkInputNames, checkOutputRef, isOutputRef, resolveNamed, resolveOutput } from './inputs.js';
import type { NewJob } from './store.js';

export interface Origin {
  readonly tenantId: string;
  readonly requestId: string;
  readonly pipeline?: { readonly id: string; readonly step: string };
}

const MAX_SEED = 2 ** 31 - 1;
const NONE: Readonly<Record<string, ResolvedInput>> = {};

/** Turns a request into a row: recipe, parameters and inputs are checked here, before anything is stored. */
@Injectable()
export class JobPlanner {
  constructor(
    private readonly datasets: DatasetRegistrar,
    private readonly models: ModelRegistrar,
    private readonly files: FileResolver,
  ) {}

  /**
   * Everything but inputs that are outputs of other jobs; with such inputs the row is `waiting`.
   * @throws StrataError `unknown_recipe`, `invalid_parameter`, `invalid_input`, `not_found`
   */
  async plan(body: CreateJob, origin: Origin): Promise<NewJob> {
    const recipe = getRecipe(body.recipe);
    const params = parseParams(recipe, body.params);
    checkInputNames(recipe, body.inputs);
    checkRegister(recipe, body.register);
    const refs = Object.values(body.inputs);
    const resolved = refs.length
      ? await resolveNamed(origin.tenantId, recipe, body.inputs, {
          dataset: this.datasets,
          model: this.models,
          file: this.files,
        })
      : NONE;
    const now = new Date();
    return {
      id: newId('job'),
      tenant_id: origin.tenantId,
      recipe: recipe.name,
      recipe_version: recipe.version,
      queue: recipe.queue,
      state: refs.some(isOutputRef) ? 'waiting' : 'queued',
      params,
      inputs: body.inputs,
      register: body.register,
      resolved,
      seed: body.seed ?? randomInt(MAX_SEED),
      priority: body.priority,
      device: body.device,
      limits: body.limits,
      metadata: body.metadata,
      pipeline_id: origin.pipeline?.id ?? null,
      step: origin.pipeline?.step ?? null,
      request_id: origin.requestId,
      not_before: body.delay_ms ? new Date(now.getTime() + body.delay_ms) : null,
      created_at: now,
    };
  }

  /**
   * Looks at the jobs outside the pipeline whose outputs this one takes, and locks them against ending meanwhile. Returns the row, which
   * need not wait when all of them have succeeded, and those to wait for. `siblings`: jobs of the same pipeline, by id.
   * @throws StrataError `not_found`, `invalid_input`, `parent_failed`
   */
  async attach(
    trx: Trx,
    job: NewJob,
    siblings: ReadonlyMap<string, NewJob>,
  ): Promise<{ job: NewJob; parents: string[] }> {
    const recipe = getRecipe(job.recipe);
    const refs = outputRefs(job.inputs);
    const outside = [...new Set(refs.map((r) => r.ref.job).filter((id) => !siblings.has(id)))];
    const rows = outside.length
      ? await trx
          .selectFrom('job')
          .selectAll()
          .where('id', 'in', outside)
          .where('tenant_id', '=', job.tenant_id)
          .orderBy('id')
          .forShare()
          .execute()
      : [];
    const byId = new Map(rows.map((row) => [row.id, row]));
    const resolved = { ...job.resolved };
    const parents = new Set<string>();
    for (const { name, ref } of refs) {
      const row = byId.get(ref.job);
      const parent = siblings.get(ref.job) ?? row;
      if (!parent)
        throw new StrataError('not_found', `input "${name}": there is no job ${ref.job}`, {
          where: { field: `inputs.${name}.job` },
        });
      const spec = recipe.inputs[name];
      if (spec) checkOutputRef(spec, name, ref, parent.recipe);
      if (row?.state === 'succeeded') resolved[name] = resolveOutput(row, ref, name);
      else if (row && ENDED.has(row.state))
        throw new StrataError('parent_failed', `input "${name}": job ${ref.job} is ${row.state}: retry it first`, {
          where: { field: `inputs.${name}.job` },
        });
      else parents.add(ref.job);
    }
    return { job: { ...job, resolved, state: parents.size ? 'waiting' : 'queued' }, parents: [...parents] };
  }
}

export function outputRefs(
  inputs: Readonly<Record<string, InputRef>>,
): { name: string; ref: { job: string; output: string } }[] {
  return Object.entries(inputs).flatMap(([name, ref]) => (isOutputRef(ref) ? [{ name, ref }] : []));
}

function checkRegister(recipe: RecipeDefinition, register: Readonly<Record<string, string>>): void {
  const models = Object.keys(recipe.outputs).filter((name) => recipe.outputs[name]?.kind !== 'report');
  for (const name of Object.keys(register))
    if (!models.includes(name))
      throw new StrataError(
        'invalid_request',
        `recipe ${recipe.name} has no output "${name}" to register. Its outputs: ${models.join(', ') || 'none'}`,
        { where: { field: `register.${name}` } },
      );
}
