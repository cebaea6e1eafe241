import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ModelHandle, ModelManifest } from '@strata/contracts';

/** A model as it is after an upload, in `dir`: the file and what lies beside it, and a manifest that says nothing. */
export async function importedModel(
  dir: string,
  bytes: Uint8Array,
  files: Readonly<Record<string, string>> = {},
): Promise<ModelHandle> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'model.onnx'), bytes);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  const manifest = {
    format: 'strata-model/1',
    task: 'other',
    recipe: 'import/onnx',
    recipe_version: 1,
    inputs: [],
    outputs: [],
    labels: null,
    target: null,
    preprocess: null,
    metrics: {},
    params: {},
    seed: 0,
    parameters: 0,
    opset: 21,
    ir_version: 10,
    quantization: null,
    card: { en: '', zh: '' },
  } satisfies ModelManifest;
  return { id: 'mv_local', dir, manifest };
}
