import { readdir, readFile, truncate } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import type { LogFields } from '@strata/kernel';

export interface SpooledEvent {
  readonly seq: number;
  readonly jobId: string;
  readonly attempt: number;
  readonly timeMs: number;
  /** JSON of a `JobEventBody`. */
  readonly body: string;
}

export interface Segment {
  readonly file: string;
  readonly first: number;
  last: number;
  bytes: number;
}

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0');

/** `checksum TAB seq TAB attempt TAB time TAB job TAB body`; JSON and ids hold neither tabs nor line ends. */
export function encodeLine(e: SpooledEvent): string {
  const text = `${e.seq}\t${e.attempt}\t${e.timeMs}\t${e.jobId}\t${e.body}`;
  return `${checksum(text)}\t${text}\n`;
}

/** Undefined when the line is not whole. */
export function decodeLine(line: string): SpooledEvent | undefined {
  const text = line.slice(9);
  if (line[8] !== '\t' || line.slice(0, 8) !== checksum(text)) return undefined;
  const [seq, attempt, timeMs, jobId, body] = text.split('\t');
  if (!jobId || !body) return undefined;
  return { seq: Number(seq), attempt: Number(attempt), timeMs: Number(timeMs), jobId, body };
}

/**
 * Finds the segments of a spool. A process that was killed in the middle of a write, or a disk that lost its last blocks, leaves a broken end:
 * each file is cut behind its last whole line.
 */
export async function readSegments(
  dir: string,
  warn: (fields: LogFields, message: string) => void,
): Promise<Segment[]> {
  const names = (await readdir(dir)).filter((n) => /^\d{16}\.log$/.test(n)).sort();
  const segments: Segment[] = [];
  for (const name of names) {
    const file = path.join(dir, name);
    const content = await readFile(file);
    const first = Number(name.slice(0, 16));
    const segment: Segment = { file, first, last: first - 1, bytes: 0 };
    for (let end; (end = content.indexOf(10, segment.bytes)) >= 0; segment.bytes = end + 1) {
      const event = decodeLine(content.toString('utf8', segment.bytes, end));
      if (!event || event.seq <= segment.last) break;
      segment.last = event.seq;
    }
    if (segment.bytes < content.length) {
      warn({ file, bytes: content.length - segment.bytes }, 'the end of an event file is broken and was cut off');
      await truncate(file, segment.bytes);
    }
    segments.push(segment);
  }
  return segments;
}
