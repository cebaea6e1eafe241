import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { EvidenceRecord, evidenceFile, type EvidenceRun } from '@strata/contracts';

const ROOT = path.resolve(import.meta.dirname, '../../../..');
/** Where the catalog looks by default. */
const RECORDS = path.join(ROOT, '.evidence');

const git = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)('git', args, { cwd: ROOT })).stdout.trim();

/** What is checked out; outside a repository, or without git, there is no commit. */
async function checkout(): Promise<Pick<EvidenceRun, 'commit' | 'changed'>> {
  try {
    const commit = await git('rev-parse', '--short', 'HEAD');
    return { commit, changed: (await git('status', '--porcelain', '--untracked-files=no')) !== '' };
  } catch {
    return { commit: null, changed: false };
  }
}

function hardware(): string {
  const cpus = os.cpus();
  const model = cpus[0]?.model.replace(/\s+/g, ' ').trim() ?? 'unknown processor';
  return `${cpus.length} × ${model}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.platform()} ${os.arch()}`;
}

/** All numbers of a result, by their path: `{ int8: { accuracy: 0.9 } }` has `int8.accuracy`. */
export function figuresOf(result: Readonly<Record<string, unknown>>, prefix = ''): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const [name, value] of Object.entries(result))
    if (typeof value === 'number' && Number.isFinite(value)) figures[`${prefix}${name}`] = value;
    else if (typeof value === 'object' && value !== null && !Array.isArray(value))
      Object.assign(figures, figuresOf(value as Record<string, unknown>, `${prefix}${name}.`));
  return figures;
}

async function existing(file: string): Promise<readonly EvidenceRun[]> {
  try {
    return EvidenceRecord.parse(JSON.parse(await readFile(file, 'utf8'))).runs;
  } catch {
    // none yet, or written in another form: it is made from what runs from now on
    return [];
  }
}

/**
 * Runs the checks of an evidence test, and writes down its figures and how it went, in the place of the last run of the same name.
 * @param what the data set, and the variant where there are several
 * @throws what `check` throws, after it is written
 */
export async function recordEvidence(
  recipe: string,
  what: string,
  result: Readonly<Record<string, unknown>>,
  check: () => void,
  dir = RECORDS,
): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  try {
    check();
  } catch (error) {
    failure = { error };
  }
  const run: EvidenceRun = {
    what,
    passed: !failure,
    date: new Date().toISOString(),
    ...(await checkout()),
    hardware: hardware(),
    figures: figuresOf(result),
  };
  const file = path.join(dir, evidenceFile(recipe));
  const others = (await existing(file)).filter((r) => r.what !== what);
  const runs = [...others, run].sort((a, b) => (a.what < b.what ? -1 : 1));
  await mkdir(path.dirname(file), { recursive: true });
  // a catalog may read at any moment: it finds the old record or the new one
  const next = `${file}.${process.pid}.next`;
  await writeFile(next, `${JSON.stringify(EvidenceRecord.parse({ recipe, runs }), undefined, 2)}\n`);
  await rename(next, file);
  if (failure) throw failure.error;
}
