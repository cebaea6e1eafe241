import { createReadStream, existsSync, mkdirSync, openAsBlob, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FileView } from '@strata/contracts';
import { ApiError, Unreachable, UsageError } from '../errors.js';
import type { Api } from './client.js';

/** Files from this size on are sent in parts that can be resumed (tus 1.0.0). */
const RESUMABLE_FROM = 8 * 2 ** 20;
const PART = 8 * 2 ** 20;
const TRIES = 10;
/** Response header that names the file which a finished upload became. */
const FILE_HEADER = 'strata-file';
const TUS = { 'tus-resumable': '1.0.0' };

export interface UploadOptions {
  /** File that remembers unfinished uploads. */
  readonly memory: string;
  readonly onProgress?: (sent: number, total: number) => void;
  readonly onResume?: (at: number) => void;
}

function remembered(memory: string): Record<string, string> {
  if (!existsSync(memory)) return {};
  try {
    return JSON.parse(readFileSync(memory, 'utf8')) as Record<string, string>;
  } catch {
    return {}; // damaged: the upload begins anew
  }
}

function remember(memory: string, key: string, location: string | undefined): void {
  const { [key]: _, ...others } = remembered(memory);
  mkdirSync(path.dirname(memory), { recursive: true, mode: 0o700 });
  writeFileSync(memory, JSON.stringify(location ? { ...others, [key]: location } : others), { mode: 0o600 });
}

/** Sends a file; a large one in parts, and again from where it stopped when the connection or this program broke off. */
export async function uploadFile(api: Api, file: string, options: UploadOptions): Promise<FileView> {
  const stat = existsSync(file) ? statSync(file) : undefined;
  if (!stat?.isFile()) throw new UsageError('u_no_file', { path: file });
  const filename = path.basename(file);
  if (stat.size < RESUMABLE_FROM) {
    const form = new FormData();
    form.append('file', await openAsBlob(file), filename);
    const res = await api.fetch('/api/files', { method: 'POST', body: form });
    options.onProgress?.(stat.size, stat.size);
    return FileView.parse(await res.json());
  }
  const key = [api.url, path.resolve(file), stat.size, stat.mtimeMs].join('|');
  const place = (await resume(api, remembered(options.memory)[key])) ?? (await begin(api, filename, stat.size));
  remember(options.memory, key, place.location);
  if (place.at > 0) options.onResume?.(place.at);
  const id = await sendParts(api, file, place, stat.size, options);
  remember(options.memory, key, undefined);
  return api.get<FileView>(`/api/files/${id}`);
}

interface Place {
  location: string;
  at: number;
  /** The file that the upload has become, when all of it is there. */
  id?: string | undefined;
}

async function begin(api: Api, filename: string, size: number): Promise<Place> {
  const res = await api.fetch('/api/uploads', {
    method: 'POST',
    headers: {
      ...TUS,
      'upload-length': String(size),
      'upload-metadata': `filename ${Buffer.from(filename).toString('base64')}`,
    },
  });
  const location = res.headers.get('location');
  if (!location) throw new Unreachable(api.url, 'the gateway named no place for the upload');
  return { location: new URL(location, `${api.url}/api/uploads/`).pathname, at: 0 };
}

async function lookAt(api: Api, location: string): Promise<Place> {
  const { headers } = await api.fetch(location, { method: 'HEAD', headers: TUS });
  return { location, at: Number(headers.get('upload-offset') ?? 0), id: headers.get(FILE_HEADER) ?? undefined };
}

/** Where an earlier upload of this very file stands; undefined when the gateway knows it no more. */
async function resume(api: Api, location: string | undefined): Promise<Place | undefined> {
  if (!location) return undefined;
  try {
    return await lookAt(api, location);
  } catch (e) {
    // a reply to HEAD has no body to tell the reason
    if (e instanceof ApiError || (e instanceof Unreachable && e.why.startsWith('status'))) return undefined;
    throw e;
  }
}

/** @returns the id of the file that the upload became */
async function sendParts(api: Api, file: string, from: Place, size: number, o: UploadOptions): Promise<string> {
  let place = from;
  for (let tries = 0; ;) {
    try {
      if (place.at >= size) place = await lookAt(api, place.location);
      if (place.at >= size && place.id) return place.id;
      const end = Math.min(size, place.at + PART);
      const part = (await createReadStream(file, { start: place.at, end: end - 1 }).toArray()) as Buffer[];
      const { headers } = await api.fetch(place.location, {
        method: 'PATCH',
        headers: { ...TUS, 'content-type': 'application/offset+octet-stream', 'upload-offset': String(place.at) },
        body: Buffer.concat(part),
      });
      const id = headers.get(FILE_HEADER);
      place = { ...place, at: Number(headers.get('upload-offset') ?? end) };
      tries = 0;
      o.onProgress?.(place.at, size);
      if (id) return id;
    } catch (e) {
      const passing = e instanceof Unreachable || (e instanceof ApiError && e.problem.retryable);
      if (!passing || ++tries >= TRIES) throw e;
      await new Promise((r) => setTimeout(r, 500 * tries));
      place = await lookAt(api, place.location).catch(() => place); // not back yet: the next try tells
    }
  }
}
