import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactStore } from '@strata/artifacts';
import {
  DatasetFormat,
  ModelManifest,
  type ArtifactKind,
  type Blob,
  type JobOutput,
  type OutputPort,
  type RecipeDefinition,
} from '@strata/contracts';
import { StrataError } from '@strata/kernel';

export interface Outputs extends OutputPort {
  /** @throws StrataError `recipe_definition` when the recipe did not make an output that it promises */
  collected(): Record<string, JobOutput>;
}

/** Stores what a recipe makes. Names and kinds are those of the recipe's definition. */
export function createOutputs(store: ArtifactStore, recipe: RecipeDefinition): Outputs {
  const made: Record<string, JobOutput> = {};

  const expect = (name: string, kind: ArtifactKind): void => {
    const spec = recipe.outputs[name];
    if (spec?.kind === kind) return;
    throw new StrataError(
      'recipe_definition',
      spec
        ? `recipe ${recipe.name} made its output "${name}" as ${kind}; its definition says ${spec.kind}`
        : `recipe ${recipe.name} made an output "${name}" that its definition does not name`,
    );
  };

  return {
    async dataset(name, file, format) {
      expect(name, 'dataset');
      made[name] = { kind: 'dataset', file: await store.put({ path: file }), format: DatasetFormat.parse(format) };
    },
    async model(name, dir, manifest) {
      expect(name, 'model');
      const parsed = ModelManifest.parse(manifest);
      await writeFile(path.join(dir, 'model.json'), `${JSON.stringify(parsed, null, 1)}\n`);
      const files: Record<string, Blob> = {};
      for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const file = path.join(entry.parentPath, entry.name);
        files[path.relative(dir, file).replaceAll(path.sep, '/')] = await store.put({ path: file });
      }
      if (!files['model.onnx'])
        throw new StrataError('recipe_definition', `recipe ${recipe.name}: the model "${name}" has no model.onnx`);
      made[name] = { kind: 'model', files, manifest: parsed };
    },
    async report(name, report) {
      expect(name, 'report');
      const bytes = Buffer.from(`${JSON.stringify(report, null, 1)}\n`);
      made[name] = { kind: 'report', file: await store.put(bytes), media_type: 'application/json' };
    },
    async file(name, file, mediaType) {
      expect(name, 'file');
      made[name] = {
        kind: 'file',
        file: await store.put({ path: file }),
        media_type: mediaType,
        name: path.basename(file),
      };
    },
    collected() {
      for (const [name, spec] of Object.entries(recipe.outputs))
        if (!spec.optional && !made[name])
          throw new StrataError('recipe_definition', `recipe ${recipe.name} ended without making its output "${name}"`);
      return made;
    },
  };
}
