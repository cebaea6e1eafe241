import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext } from '@strata/contracts';
import { loadTokenizer, type Tokenizer } from '@strata/data';
import { StrataError } from '@strata/kernel';

/** Name of the tokenizer beside a model, as Hugging Face has it. */
export const TOKENIZER_FILE = 'tokenizer.json';

/** The tokenizer that the job was given as a file. @throws StrataError `invalid_input` when it cannot be used */
export async function tokenizerInput(ctx: JobContext, input = 'tokenizer'): Promise<Tokenizer> {
  const { path, name } = await ctx.file(input);
  try {
    return loadTokenizer(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new StrataError('invalid_input', `${name} is no tokenizer: ${(cause as Error).message}`, {
      where: { field: `inputs.${input}` },
      cause,
    });
  }
}

/** The tokenizer in a model's folder. @throws StrataError `invalid_model` */
export async function tokenizerOf(dir: string, field: string): Promise<Tokenizer> {
  try {
    return loadTokenizer(await readFile(join(dir, TOKENIZER_FILE), 'utf8'));
  } catch (cause) {
    throw new StrataError('invalid_model', `the model has no ${TOKENIZER_FILE} that can be read.`, {
      where: { field },
      cause,
    });
  }
}
