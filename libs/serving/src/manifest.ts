import { ModelManifest } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** @throws StrataError `invalid_model` when the folder has no usable `model.json` */
export async function readManifest(dir: string): Promise<ModelManifest> {
  const file = path.join(dir, 'model.json');
  const fail = (what: string, cause: unknown): never => {
    throw new StrataError('invalid_model', `${file} ${what}: it must describe the model as Strata's recipes do`, {
      cause,
      where: { file: 'model.json' },
    });
  };
  const text = await readFile(file, 'utf8').catch((e: unknown) => fail('cannot be read', e));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (e) {
    return fail('is not JSON', e);
  }
  const parsed = ModelManifest.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return fail(`is not a manifest (${issue?.path.join('.')}: ${issue?.message})`, parsed.error);
}
