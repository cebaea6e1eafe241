import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';

/** Runs work with a folder of its own below DATA_DIR/scratch, which is gone afterwards. */
export async function withScratch<T>(dataDir: string, work: (dir: string) => Promise<T>): Promise<T> {
  const parent = path.resolve(dataDir, 'scratch');
  await mkdir(parent, { recursive: true });
  const dir = await mkdtemp(path.join(parent, 'work-'));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
