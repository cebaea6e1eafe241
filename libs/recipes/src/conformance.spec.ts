import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import {
  manifestOf,
  parseParams,
  PauseSignal,
  RecipeManifest,
  type InputHandle,
  type RecipeDefinition,
} from '@strata/contracts';
import { describeFile } from '@strata/data';
import { createRng } from '@strata/kernel';
import { openModel } from '@strata/serving';
import { z } from 'zod';
import { getRecipe, recipes } from './index.js';
import {
  asInput,
  datasetFromText,
  digest,
  localFolder,
  runLocally,
  type LocalJob,
  type LocalRun,
} from './testing/local-context.js';

// One suite over every recipe that a folder holds: what the platform relies on, without knowing any of them.

const src = dirname(fileURLToPath(import.meta.url));
/** Entries of the map; the catalog service refuses to start on a recipe that names another. */
const content = join(src, '../../../apps/catalog/content');
const slugs = new Set(
  readdirSync(content, { recursive: true, encoding: 'utf8' })
    .filter((f) => f.endsWith('.yaml'))
    .flatMap((f) => [...readFileSync(join(content, f), 'utf8').matchAll(/^- slug: (\S+)/gm)].map((m) => m[1])),
);
const SEED = 20_240_229;
const MINUTE = 60_000;
const folders: string[] = [];
afterAll(async () => {
  for (const f of folders) await rm(f, { recursive: true, force: true });
});
async function folder(): Promise<string> {
  const dir = await localFolder('strata-conformance-');
  folders.push(dir);
  return dir;
}

type Inputs = Readonly<Record<string, InputHandle>>;
const inputsMade = new Map<string, Promise<Inputs>>();
const runsMade = new Map<string, Promise<LocalRun>>();

/** Inputs of a recipe's smoke run; a model is made by the smoke run of the recipe that is named. */
function smokeInputs(recipe: RecipeDefinition): Promise<Inputs> {
  const make = async (): Promise<Inputs> => {
    const inputs: Record<string, InputHandle> = {};
    for (const [name, input] of Object.entries(recipe.smoke.inputs)) {
      if ('model' in input) {
        const run = await smokeRun(getRecipe(input.model));
        inputs[name] = asInput([...run.outputs.values()].find((o) => o.kind === 'model'));
      } else if ('file' in input) {
        const run = await smokeRun(getRecipe(input.file));
        inputs[name] = asInput([...run.outputs.values()].find((o) => o.kind === 'file'));
      } else if ('from' in input) {
        const other = (await smokeInputs(getRecipe(input.from)))[input.input];
        if (!other) throw new Error(`the smoke run of ${input.from} has no input "${input.input}"`);
        inputs[name] = other;
      } else inputs[name] = await datasetFromText(await folder(), input.dataset(), input.format);
    }
    return inputs;
  };
  const made = inputsMade.get(recipe.name) ?? make();
  inputsMade.set(recipe.name, made);
  return made;
}

async function run(recipe: RecipeDefinition, job: Partial<LocalJob> = {}): Promise<LocalRun> {
  const inputs = await smokeInputs(recipe);
  return runLocally(recipe, recipe.smoke.params, { dir: await folder(), inputs, seed: SEED, threads: 1, ...job });
}

/** The undisturbed smoke run, made once. */
function smokeRun(recipe: RecipeDefinition): Promise<LocalRun> {
  const made = runsMade.get(recipe.name) ?? run(recipe);
  runsMade.set(recipe.name, made);
  return made;
}

/** Figures that measure time: the only ones that may differ between two runs. */
const TIME = /(^|_)(ms|s|seconds|per_s|per_second)$/;
function timeless(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(timeless);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !TIME.test(key) && key !== 'attempt' && !key.startsWith('resumed'))
      .map(([key, v]) => [key, timeless(v)]),
  );
}

/** All that a run made, to be compared bit for bit: hashes of files, reports and result without times. */
async function essence(r: LocalRun): Promise<unknown> {
  const outputs: Record<string, unknown> = {};
  for (const [name, output] of r.outputs)
    outputs[name] = output.kind === 'report' ? timeless(output.report) : await digest(output);
  return { result: timeless(r.result), outputs };
}

/** Packages that a definition loads, following its static imports within this library. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  for (const [, from] of readFileSync(file, 'utf8').matchAll(/^(?:import|export)\s(?!type\b)[^;]*?from '([^']+)'/gm)) {
    if (!from) continue;
    if (!from.startsWith('.')) packages.add(from);
    else for (const p of packagesOf(resolve(dirname(file), from.replace(/\.js$/, '.ts')), seen)) packages.add(p);
  }
  return packages;
}

describe('the index', () => {
  it('holds every folder with a definition, sorted by name', () => {
    const onDisk = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter((f) => /^[^/\\]+[/\\][^/\\]+[/\\][^/\\]+\.recipe\.ts$/.test(f))
      .map((f) => dirname(f).replaceAll('\\', '/'));
    expect(recipes.map((r) => r.name)).toEqual(onDisk.sort());
  });
});

describe.each(recipes.map((r) => [r.name, r] as const))('%s', (name, recipe) => {
  const last = name.slice(name.indexOf('/') + 1);
  const dir = join(src, name);

  it('is a folder of its own: definition, code, spec, words', () => {
    for (const file of [`${last}.recipe.ts`, `${last}.run.ts`, `${last}.spec.ts`, 'README.md'])
      expect([file, existsSync(join(dir, file))]).toEqual([file, true]);
    const words = readFileSync(join(dir, 'README.md'), 'utf8');
    expect(words).toContain(`# ${name}`);
    expect(words).toMatch(/```sh\n/);
  });

  it('is listed without loading more than schemas', () => {
    const allowed = new Set(['zod', '@strata/contracts', '@strata/kernel']);
    expect([...packagesOf(join(dir, `${last}.recipe.ts`))].filter((p) => !allowed.has(p))).toEqual([]);
  });

  it('speaks both languages and names its places on the map', () => {
    const texts = [recipe.title, recipe.summary];
    for (const spec of [...Object.values(recipe.inputs), ...Object.values(recipe.outputs)])
      texts.push(spec.description);
    for (const text of texts) {
      expect(text.en).toMatch(/^[A-Z].*[a-z]/);
      expect(text.zh).toMatch(/\p{Script=Han}/u);
    }
    expect(recipe.catalog.length).toBeGreaterThan(0);
    expect(recipe.catalog.filter((slug) => !slugs.has(slug))).toEqual([]);
  });

  it('has a manifest that survives JSON, and a parameter schema that says the same as its code', () => {
    const manifest = manifestOf(recipe);
    expect(RecipeManifest.parse(JSON.parse(JSON.stringify(manifest)))).toEqual(manifest);
    const schema = manifest.params as {
      type: string;
      additionalProperties: unknown;
      properties: Record<string, { description?: string }>;
    };
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
    for (const [key, property] of Object.entries(schema.properties))
      expect([key, property.description ?? '']).toEqual([key, expect.stringMatching(/\w{3}/)]);
    const parsed = parseParams(recipe, recipe.smoke.params);
    expect(parseParams(recipe, parsed)).toEqual(parsed);
    expect(
      z.fromJSONSchema(manifest.params as Parameters<typeof z.fromJSONSchema>[0]).parse(recipe.smoke.params),
    ).toEqual(parsed);
    expect(() => parseParams(recipe, { ...recipe.smoke.params, no_such_parameter: 1 })).toThrow(
      /no parameter "no_such_parameter"/,
    );
  });

  it(
    'gives the same result for the same seed, bit for bit',
    async () => {
      const first = await smokeRun(recipe);
      const second = await run(recipe);
      expect(await essence(second)).toEqual(await essence(first));
      expect(second.metrics.map((m) => timeless(m))).toEqual(first.metrics.map((m) => timeless(m)));
    },
    5 * MINUTE,
  );

  it(
    'leaves outputs that load',
    async () => {
      const { outputs } = await smokeRun(recipe);
      for (const output of outputs.values()) {
        if (output.kind === 'dataset') {
          const { format } = output;
          expect(
            await describeFile(output.path, {
              format: format.format,
              header: format.header,
              types: Object.fromEntries(format.columns.map((c) => [c.name, c.type])),
              missingValues: format.missing_values,
            }),
          ).toEqual({ ...format, quote: undefined });
        } else if (output.kind === 'model') {
          const model = await openModel(output.dir, { threads: 1 });
          expect(model.manifest).toEqual(output.manifest);
          expect(getRecipe(model.manifest.recipe)).toBeDefined();
          await model.close();
        } else expect((await stat(output.path)).size).toBeGreaterThan(2);
      }
    },
    5 * MINUTE,
  );

  const { falls } = recipe.smoke;
  if (falls !== undefined)
    it(
      `${falls} falls`,
      async () => {
        const values = (await smokeRun(recipe)).metrics.map((m) => m.values[falls]).filter((v) => v !== undefined);
        expect(values.length).toBeGreaterThan(1);
        expect(values.at(-1)).toBeLessThan(values[0] ?? NaN);
      },
      5 * MINUTE,
    );

  it(
    'honours a cancel',
    async () => {
      await expect(run(recipe, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'job_cancelled' });
      if (!recipe.resumable) return;
      const controller = new AbortController();
      let calls = 0;
      const cancelled = run(recipe, {
        signal: controller.signal,
        onStep: (call) => {
          calls = call;
          controller.abort();
        },
      });
      await expect(cancelled).rejects.toMatchObject({ code: 'job_cancelled' });
      expect(calls).toBe(1);
    },
    5 * MINUTE,
  );

  if (recipe.resumable) {
    class Killed extends Error {}
    it.each([
      ['killed early, every step kept', 0.3, 1],
      ['killed late, every third step kept', 0.8, 3],
      ['killed before the first checkpoint', 0, 1_000_000],
    ])(
      'resumes to the identical result: %s',
      async (label, part, checkpointEvery) => {
        const whole = await smokeRun(recipe);
        expect(whole.steps).toBeGreaterThan(3);
        const jitter = createRng(SEED)
          .fork(name + label)
          .int(2);
        const at = Math.min(whole.steps - 1, Math.max(1, Math.floor(whole.steps * part) + jitter));
        const job = { dir: await folder(), checkpointEvery };
        const onStep = (call: number): void => {
          if (call === at) throw new Killed();
        };
        await expect(run(recipe, { ...job, onStep })).rejects.toBeInstanceOf(Killed);
        const resumed = await run(recipe, { ...job, attempt: 2 });
        // it went on, and did not begin again
        if (checkpointEvery <= at) expect(resumed.steps).toBeLessThan(whole.steps);
        expect(await essence(resumed)).toEqual(await essence(whole));
      },
      5 * MINUTE,
    );

    it(
      'pauses at a checkpoint and goes on from there',
      async () => {
        const whole = await smokeRun(recipe);
        const at = Math.ceil(whole.steps / 2);
        const job = { dir: await folder(), checkpointEvery: 1_000_000 };
        await expect(
          run(recipe, { ...job, onStep: (call) => (call === at ? 'pause' : undefined) }),
        ).rejects.toBeInstanceOf(PauseSignal);
        const resumed = await run(recipe, { ...job, attempt: 2 });
        expect(resumed.steps).toBeLessThanOrEqual(whole.steps - at + 1);
        expect(await essence(resumed)).toEqual(await essence(whole));
      },
      5 * MINUTE,
    );
  }
});
