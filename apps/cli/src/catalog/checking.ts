import { existsSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { isStrataError } from '@strata/kernel';
import { checkOwn, checkParsed, type Parsed, type Problem, problemText, readEntries } from '@strata/map';
import { CHECKOUT } from '../config.js';
import { UsageError } from '../errors.js';
import type { Io } from '../io.js';
import { shown } from '../view/wrap.js';

/** The map that comes with Strata. */
const BUNDLED = path.join(CHECKOUT, 'apps/catalog/content');
const nearby = (file: string): string => path.relative(process.cwd(), file) || '.';

/** Files that a path stands for: itself, or the `.yaml` files below it, as the service reads a folder. @throws UsageError */
async function filesAt(given: string): Promise<string[]> {
  if (!existsSync(given)) throw new UsageError('u_no_file', { path: given });
  if (!statSync(given).isDirectory()) return [given];
  const names = (await readdir(given, { recursive: true })).filter((f) => f.endsWith('.yaml')).sort();
  if (!names.length) throw new UsageError('u_no_maps', { path: given });
  return names.map((f) => path.join(given, f));
}

export interface Read extends Parsed {
  readonly files: number;
}

/** Entries of files, under the paths by which they were named. @throws UsageError */
export async function readPaths(paths: readonly string[], format = ''): Promise<Read> {
  const named = (await Promise.all(paths.map(filesAt))).flat();
  const files = [...new Set(named.map((f) => path.normalize(f)))];
  const parts: Parsed[] = [];
  for (const file of files) {
    try {
      parts.push(readEntries(await readFile(file), file, format));
    } catch (e) {
      if (!isStrataError(e)) throw e;
      parts.push({ entries: [], problems: [{ file, message: e.message }] });
    }
  }
  return {
    files: files.length,
    entries: parts.flatMap((p) => p.entries),
    problems: parts.flatMap((p) => p.problems),
  };
}

/** One line for each problem, which editors can jump to. */
export function tellProblems(io: Io, problems: readonly Problem[]): void {
  for (const p of problems) {
    const place = `${p.file}${p.line ? `:${p.line}` : ''}`;
    io.out(io.paint('bold', place) + shown(problemText(p)).slice(place.length).replaceAll('\n', ' '));
  }
}

const isBelow = (file: string, folder: string): boolean => {
  const way = path.relative(path.resolve(folder), path.resolve(file));
  return !way.startsWith('..') && !path.isAbsolute(way);
};

/** Problems of a map, or of entries beside one. Files of the public map itself are checked as the part of it that they are. */
export async function problemsOf(paths: readonly string[], format: string, beside = BUNDLED, alone = false) {
  const isPublic = paths.length === 0 || paths.every((p) => isBelow(p, beside));
  if (alone || isPublic) {
    const read = await readPaths(isPublic ? [nearby(beside)] : paths, format);
    return { read, problems: checkParsed(read) };
  }
  const read = await readPaths(paths, format);
  const publicMap = await readPaths([nearby(beside)]);
  const broken = checkParsed(publicMap);
  const entries = publicMap.entries.map((p) => p.entry);
  // recipes hang in the map of the service alone: their slugs are checked there
  return { read, problems: broken.length ? broken : checkOwn(entries, new Set(), read, []) };
}
