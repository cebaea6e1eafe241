import { closeSync, createReadStream, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { StrataError } from '@strata/kernel';
import { Unzip, UnzipInflate, type UnzipFile } from 'fflate';

const MOST_FILES = 10_000;
/** One word of a path: what every system takes, and inference workers too. */
const PART = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const LONGEST = 200;

const refused = (message: string, file?: string): StrataError =>
  new StrataError('invalid_model', message, file ? { where: { file } } : {});

/**
 * The place of an archive's entry below `dir`.
 * @throws StrataError `invalid_model` when it would lie elsewhere
 */
export function placeOf(dir: string, name: string): string {
  const parts = name.split('/');
  const safe = parts.every((p) => PART.test(p));
  const place = path.resolve(dir, ...parts);
  if (!safe || name.length > LONGEST || !place.startsWith(path.resolve(dir) + path.sep))
    throw refused(
      `the archive holds an entry "${name.slice(0, 100)}": names must be letters, digits, dot, dash and underscore, joined by "/", and not lead out of the folder. Nothing was kept`,
      name.slice(0, 200),
    );
  return place;
}

/**
 * Unpacks a ZIP archive into a folder, streaming; links inside become plain files.
 * @param limit bytes that all files may have together: a small archive can hold a huge content
 * @throws StrataError `invalid_model` for a damaged archive or a path that leads out, `payload_too_large`
 */
export async function unpack(archive: string, dir: string, limit: number): Promise<void> {
  let failure: unknown;
  let files = 0;
  const open = new Set<number>();
  let bytes = 0;
  const begin = (entry: UnzipFile): void => {
    if (++files > MOST_FILES) throw refused(`the archive holds more than ${MOST_FILES} files`);
    if (entry.name.endsWith('/')) {
      placeOf(dir, entry.name.slice(0, -1));
      return;
    }
    const place = placeOf(dir, entry.name);
    mkdirSync(path.dirname(place), { recursive: true });
    const fd = openSync(place, 'wx');
    open.add(fd);
    entry.ondata = (e, chunk, final) => {
      if (e) throw e;
      bytes += chunk.byteLength;
      if (bytes > limit)
        throw new StrataError('payload_too_large', `the archive unpacks to more than the ${limit} bytes allowed`);
      for (let at = 0; at < chunk.byteLength;) at += writeSync(fd, chunk, at);
      if (!final) return;
      closeSync(fd);
      open.delete(fd);
    };
    entry.start();
  };
  const unzip = new Unzip((entry) => {
    try {
      begin(entry);
    } catch (e) {
      failure ??= e;
      throw e;
    }
  });
  unzip.register(UnzipInflate);
  try {
    for await (const chunk of createReadStream(archive) as AsyncIterable<Buffer>) unzip.push(chunk, false);
    unzip.push(new Uint8Array(0), true);
  } catch (cause) {
    const why: unknown = failure ?? cause;
    if (why instanceof StrataError) throw why;
    throw new StrataError(
      'invalid_model',
      `the archive is damaged or uses a compression other than deflate: ${why instanceof Error ? why.message : String(why)}`,
      { cause: why },
    );
  } finally {
    for (const fd of open) closeSync(fd);
  }
  if (!files || open.size) throw refused('the archive is cut short: upload it again');
}
