import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, isAbsolute, normalize, relative, resolve, sep, win32 } from 'node:path';
import { StrataError } from '@strata/kernel';
import { fromOnnx, type ReadExternal } from './from-onnx.js';
import { initializerBytes } from './memory.js';
import { toBytes } from './tensor.js';
import { encode, type External, type OnnxOptions } from './to-onnx.js';
import type { Graph } from './types.js';

const outside = (location: string): StrataError =>
  new StrataError(
    'external_data_outside',
    `the model points to "${location}", outside its own folder. Put its data files beside the model and save it with relative names`,
    { where: { file: location } },
  );

const isInside = (dir: string, path: string): boolean => {
  const way = relative(dir, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
};

/**
 * Finds a data file of a model. Absolute names, `..` and symbolic links that lead out of the folder are refused.
 * @throws StrataError `external_data_outside`; `invalid_onnx` when the file is absent
 */
export function resolveExternal(dir: string, location: string): string {
  // a model made on Windows may use its notation, which must not slip through here
  if (
    isAbsolute(location) ||
    win32.isAbsolute(location) ||
    location.split(/[\\/]/).includes('..') ||
    location.includes('\0')
  )
    throw outside(location);
  const path = resolve(dir, location);
  if (!isInside(resolve(dir), path)) throw outside(location);
  let real: string;
  try {
    real = realpathSync(path);
  } catch (cause) {
    throw new StrataError('invalid_onnx', `the model's data file "${location}" is not in its folder`, {
      cause,
      where: { file: location },
    });
  }
  if (!isInside(realpathSync(dir), real)) throw outside(location);
  return real;
}

/** Reads parts of data files that lie in `dir`, and nowhere else. */
export function externalReader(dir: string): ReadExternal {
  return (location, offset, length) => {
    const fd = openSync(resolveExternal(dir, location), 'r');
    try {
      const stat = fstatSync(fd);
      const n = length ?? stat.size - offset;
      if (!stat.isFile() || n < 0 || offset + n > stat.size)
        throw new StrataError(
          'invalid_onnx',
          `the model wants ${n} bytes at ${offset} of "${location}", which has ${stat.size}`,
          { where: { file: location } },
        );
      const bytes = new Uint8Array(n);
      for (let at = 0; at < n;) {
        const got = readSync(fd, bytes, at, n - at, offset + at);
        if (got === 0)
          throw new StrataError('invalid_onnx', `the model's data file "${location}" ended early`, {
            where: { file: location },
          });
        at += got;
      }
      return bytes;
    } finally {
      closeSync(fd);
    }
  };
}

export interface OnnxFiles {
  readonly graph: Graph;
  /** Data files that the model names, relative to its folder. */
  readonly files: readonly string[];
}

/**
 * Reads a model from its file, with the data files beside it.
 * @throws StrataError `invalid_onnx`, `external_data_outside`
 */
export function loadOnnxFiles(path: string): OnnxFiles {
  const read = externalReader(dirname(path));
  const files = new Set<string>();
  const graph = fromOnnx(readFileSync(path), {
    readExternal: (location, offset, length) => {
      files.add(normalize(location));
      return read(location, offset, length);
    },
  });
  return { graph, files: [...files] };
}

/** As `loadOnnxFiles`, the graph alone. */
export const loadOnnx = (path: string): Graph => loadOnnxFiles(path).graph;

/** Constants of more bytes in all are written beside the model: one protobuf message cannot hold 2 GiB. */
const EXTERNAL_ABOVE = 2 ** 30;
/** Smaller ones stay in the model's own file: shapes and scalars must be known while it is loaded. */
const SMALLEST_EXTERNAL = 1024;
/** Offsets are multiples of a page, so that a reader can map the file. */
const PAGE = 4096;

export interface WriteOptions extends OnnxOptions {
  /** Constants go into a data file when together they have more bytes than this; default 1 GiB. */
  readonly externalAbove?: number;
}

/**
 * Writes a model to a file; constants of more than 1 GiB in all go to a data file beside it, `NAME.data`, without a copy in memory.
 * @returns names of the files, the model first, relative to their folder
 * @see https://github.com/onnx/onnx/blob/main/docs/ExternalData.md
 */
export function writeOnnx(path: string, graph: Graph, options: WriteOptions = {}): string[] {
  const { externalAbove = EXTERNAL_ABOVE, ...onnx } = options;
  if (initializerBytes(graph) <= externalAbove) {
    writeFileSync(path, encode(graph, onnx));
    return [basename(path)];
  }
  const location = `${basename(path)}.data`;
  const external = new Map<string, External>();
  const fd = openSync(`${path}.data`, 'w');
  try {
    let offset = 0;
    for (const [name, t] of graph.initializers) {
      if (t.dtype === 'string') continue;
      const bytes = toBytes(t);
      if (bytes.byteLength < SMALLEST_EXTERNAL) continue;
      for (let at = 0; at < bytes.byteLength;) at += writeSync(fd, bytes, at, bytes.byteLength - at, offset + at);
      external.set(name, { location, offset, length: bytes.byteLength });
      offset = Math.ceil((offset + bytes.byteLength) / PAGE) * PAGE;
    }
  } finally {
    closeSync(fd);
  }
  writeFileSync(path, encode(graph, onnx, external));
  return [basename(path), location];
}
