import { StrataError } from '@strata/kernel';
import { parseContent, type Parsed } from '../read.js';
import type { Entry } from '../schema.js';
import { readBundle, writeBundle } from './bundle.js';
import { readCsv, writeCsv } from './csv.js';
import { readGraphml, writeGraphml } from './graphml.js';
import { readJsonld, writeJsonld } from './jsonld.js';

const READERS: Readonly<Record<string, (text: string, file: string) => Parsed>> = {
  yaml: parseContent,
  json: readBundle,
  jsonld: readJsonld,
  csv: readCsv,
  graphml: readGraphml,
};
const ENDINGS: Readonly<Record<string, string>> = { yml: 'yaml', xml: 'graphml' };

interface Writer {
  readonly contentType: string;
  readonly ending: string;
  readonly write: (entries: readonly Entry[], version: string) => string;
}
const WRITERS: Readonly<Record<string, Writer>> = {
  json: { contentType: 'application/json; charset=utf-8', ending: 'json', write: writeBundle },
  jsonld: { contentType: 'application/ld+json; charset=utf-8', ending: 'jsonld', write: writeJsonld },
  csv: { contentType: 'text/csv; charset=utf-8', ending: 'csv', write: writeCsv },
  graphml: { contentType: 'application/graphml+xml; charset=utf-8', ending: 'graphml', write: writeGraphml },
};

/**
 * Entries of a file, and all that is wrong with them, each with its line.
 * @param format yaml, json, jsonld, csv or graphml; empty: by the ending of the name
 * @throws StrataError `unsupported_media_type`, `invalid_data` when it is no UTF-8
 */
export function readEntries(content: Uint8Array, file: string, format: string): Parsed {
  const ending = file.split('.').at(-1)?.toLowerCase() ?? '';
  const reader = READERS[format || (ENDINGS[ending] ?? ending)];
  if (!reader)
    throw new StrataError(
      'unsupported_media_type',
      `the format of "${file}" is not known; there are ${Object.keys(READERS).join(', ')}`,
      { where: { field: 'format' } },
    );
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (cause) {
    throw new StrataError('invalid_data', `"${file}" is not UTF-8 text`, { cause, where: { file } });
  }
  return reader(text, file);
}

/** @throws StrataError `invalid_request` for an unknown format */
export function writerOf(format: string): Writer {
  const writer = WRITERS[format];
  if (!writer)
    throw new StrataError(
      'invalid_request',
      `there is no format "${format}"; there are ${Object.keys(WRITERS).join(', ')}`,
      { where: { field: 'format' } },
    );
  return writer;
}
