import { basename } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { StrataError } from '@strata/kernel';
import yauzl from 'yauzl';

/** A file inside a ZIP archive. */
export interface ArchiveEntry {
  readonly path: string;
  readonly bytes: number;
}

/** A ZIP archive on the disk, read file by file. */
export interface Archive {
  /** All files, sorted by path, without folders and what operating systems add. */
  readonly entries: readonly ArchiveEntry[];
  /** @throws StrataError `invalid_data` naming the file */
  read(path: string): Promise<Buffer>;
  close(): void;
}

/** A single file that unpacks to more than this is a trap or no picture. */
const MOST_BYTES = 512 << 20;
const SYSTEM = /(?:^|\/)(?:__MACOSX\/|\.|Thumbs\.db$|desktop\.ini$)/u;

const open = (path: string): Promise<yauzl.ZipFile> =>
  new Promise((resolve, reject) =>
    yauzl.open(path, { lazyEntries: true, autoClose: false }, (error, zip) => (error ? reject(error) : resolve(zip))),
  );

function list(zip: yauzl.ZipFile): Promise<yauzl.Entry[]> {
  return new Promise((resolve, reject) => {
    const all: yauzl.Entry[] = [];
    zip.on('entry', (entry: yauzl.Entry) => {
      all.push(entry);
      zip.readEntry();
    });
    zip.on('end', () => resolve(all));
    zip.on('error', reject);
    zip.readEntry();
  });
}

/** @throws StrataError `invalid_data` when the file is no ZIP archive */
export async function openArchive(path: string, name = basename(path)): Promise<Archive> {
  const broken = (what: string, cause: unknown, file = name): StrataError =>
    new StrataError('invalid_data', `${what}: ${(cause as Error).message}. Pack the archive again.`, {
      cause,
      where: { file },
    });
  let zip: yauzl.ZipFile;
  try {
    zip = await open(path);
  } catch (e) {
    throw broken(`${name} is not a ZIP archive that can be read`, e);
  }
  let entries: yauzl.Entry[];
  try {
    entries = (await list(zip)).filter((e) => !e.fileName.endsWith('/') && !SYSTEM.test(e.fileName));
  } catch (e) {
    zip.close();
    throw broken(`the table of contents of ${name} is damaged`, e);
  }
  const byPath = new Map(entries.map((e) => [e.fileName, e]));
  if (byPath.has('[Content_Types].xml')) {
    zip.close();
    throw new StrataError(
      'invalid_data',
      `${name} is an Office document, such as an Excel workbook. Export the sheet as CSV (UTF-8).`,
      { where: { file: name } },
    );
  }
  return {
    // by code unit: the same order on every machine
    entries: entries
      .map((e) => ({ path: e.fileName, bytes: e.uncompressedSize }))
      .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)),
    async read(file) {
      const entry = byPath.get(file);
      if (!entry)
        throw new StrataError('invalid_data', `${name} holds no file "${file}".`, {
          where: { file: `${name}/${file}` },
        });
      if (entry.uncompressedSize > MOST_BYTES)
        throw new StrataError('invalid_data', `"${file}" in ${name} unpacks to more than ${MOST_BYTES >> 20} MiB.`, {
          where: { file: `${name}/${file}` },
        });
      try {
        const stream = await new Promise<NodeJS.ReadableStream>((resolve, reject) =>
          zip.openReadStream(entry, (error, s) => (error ? reject(error) : resolve(s))),
        );
        return await buffer(stream);
      } catch (e) {
        throw broken(`"${file}" in ${name} cannot be unpacked`, e, `${name}/${file}`);
      }
    },
    close: () => zip.close(),
  };
}
