import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { DatasetHandle, InputHandle } from '@strata/contracts';
import type { DescribeOptions } from '@strata/data';
import { getRecipe } from '../index.js';
import { asInput, localDataset, localFolder, runLocally, type LocalRun } from './local-context.js';

const shared = process.env.STRATA_DATA ?? path.resolve(import.meta.dirname, '../../../../../shared/data');

/** Runs of recipes on public data, for the figures that Strata claims. */
export interface Evidence {
  /** Whether the data are on this machine. */
  readonly present: boolean;
  file(name: string): string;
  data(name: string, options?: DescribeOptions): Promise<DatasetHandle>;
  step(
    recipe: string,
    params: Record<string, unknown>,
    inputs: Record<string, InputHandle>,
    seed?: number,
  ): Promise<LocalRun>;
  /** A new folder. */
  folder(): Promise<string>;
  /** Removes what the runs have left, and the folders. */
  end(): Promise<void>;
}

/** Says in one line when `what` is skipped because the data are missing. */
export function evidence(what: string): Evidence {
  const present = existsSync(shared);
  if (!present) console.log(`skipped: ${what} (set STRATA_DATA; there is no ${shared})`);
  let root: Promise<string> | undefined;
  let folders = 0;
  const folder = async (): Promise<string> => {
    root ??= localFolder('strata-evidence-');
    const dir = path.join(await root, String(folders++));
    await mkdir(dir);
    return dir;
  };
  const file = (name: string): string => path.join(shared, name);
  return {
    present,
    file,
    folder,
    data: (name, options = {}) => localDataset(file(name), options),
    async step(recipe, params, inputs, seed = 1) {
      const job = { dir: await folder(), inputs, seed, threads: 2, checkpointEvery: 1e9 };
      return runLocally(getRecipe(recipe), params, job);
    },
    async end() {
      if (root) await rm(await root, { recursive: true, force: true });
    },
  };
}

export const out = (run: LocalRun, name: string): InputHandle => asInput(run.outputs.get(name));

/** A figure that a run must have. */
export function figure(of: Readonly<Record<string, unknown>>, name: string): number {
  const value = of[name];
  if (typeof value !== 'number') throw new Error(`there is no figure ${name} in ${JSON.stringify(of)}`);
  return value;
}
