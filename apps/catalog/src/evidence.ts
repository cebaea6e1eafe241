import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { EvidenceRecord, evidenceFile } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { ServiceLogger } from '@strata/service-kit';
import { z } from 'zod';

/** Where the evidence suite of this checkout writes; the path is the same from `src` and from `dist`. */
const OWN_RECORDS = fileURLToPath(new URL('../../../.evidence', import.meta.url));

/** The last runs of a recipe in the evidence suite, or undefined where none is known. */
export type Evidence = (recipe: string) => Promise<EvidenceRecord | undefined>;

function parsed(text: string, recipe: string): EvidenceRecord {
  const read = EvidenceRecord.safeParse(JSON.parse(text));
  if (!read.success) throw new Error(z.prettifyError(read.error));
  if (read.data.recipe !== recipe) throw new Error(`it is about ${read.data.recipe}`);
  return read.data;
}

/**
 * Records in a folder, read when they are asked for: the suite may run at any time.
 * @param dir empty: the checkout's own, which need not be there
 * @throws StrataError `invalid_configuration` when `dir` is given and is no folder
 */
export async function openEvidence(dir: string, log: ServiceLogger): Promise<Evidence> {
  if (dir && !(await stat(dir).catch(() => undefined))?.isDirectory())
    throw new StrataError('invalid_configuration', `EVIDENCE_DIR: there is no folder ${dir}`, {
      where: { field: 'EVIDENCE_DIR' },
    });
  return async (recipe) => {
    const file = path.join(dir || OWN_RECORDS, evidenceFile(recipe));
    try {
      return parsed(await readFile(file, 'utf8'), recipe);
    } catch (e) {
      // most recipes have no record; one that cannot be read must not take the recipe from the map
      if ((e as NodeJS.ErrnoException).code !== 'ENOENT') log.error({ error: String(e) }, `${file} is no record`);
      return undefined;
    }
  };
}
