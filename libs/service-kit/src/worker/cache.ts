import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';

const DAY_MS = 86_400_000;

/**
 * Removes cached inputs that were not used for a day, and then the longest unused ones until `maxBytes` hold. Running jobs have links of their own, so nothing is
 * taken from them.
 */
export async function sweepCache(dir: string, maxBytes: number, now = Date.now()): Promise<void> {
  const names = await readdir(dir).catch(() => []);
  const files = await Promise.all(
    names.map(async (name) => {
      const file = path.join(dir, name);
      const s = await stat(file).catch(() => undefined);
      return s ? [{ file, bytes: s.size, usedAt: s.mtimeMs }] : [];
    }),
  );
  const newestFirst = files.flat().sort((a, b) => b.usedAt - a.usedAt);
  let kept = 0;
  for (const { file, bytes, usedAt } of newestFirst) {
    kept += bytes;
    if (kept > maxBytes || now - usedAt > DAY_MS) await rm(file, { force: true });
  }
}
