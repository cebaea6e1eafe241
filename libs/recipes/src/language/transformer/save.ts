import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext } from '@strata/contracts';
import type { Tokenizer } from '@strata/data';
import { saveModel, type MadeModel } from '../../shared/save-model.js';
import { TOKENIZER_FILE } from '../../shared/tokenizer.js';

/** Saves a model that takes the ids of tokens, with its tokenizer beside it. */
export async function saveLanguageModel(
  ctx: JobContext,
  dir: string,
  tokenizer: Tokenizer,
  made: Omit<MadeModel, 'target' | 'preprocess'>,
): Promise<void> {
  await writeFile(join(dir, TOKENIZER_FILE), JSON.stringify(tokenizer.json));
  await saveModel(ctx, dir, { ...made, target: null, preprocess: null });
}
