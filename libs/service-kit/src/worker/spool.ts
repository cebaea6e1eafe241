import { mkdir, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { LogFields } from '@strata/kernel';
import { decodeLine, encodeLine, readSegments, type Segment, type SpooledEvent } from './spool-files.js';

export type NewEvent = Omit<SpooledEvent, 'seq'>;

export interface SpoolOptions {
  readonly dir: string;
  /** A segment file is closed beyond this size. */
  readonly segmentBytes?: number;
  /** While more than this waits for a gateway, progress and log events are dropped; the others never. */
  readonly maxBytes?: number;
  readonly warn: (fields: LogFields, message: string) => void;
}

/**
 * The worker's events on disk until a gateway has recorded them. Sequence numbers count up by one over restarts. One writer at a time owns
 * the folder.
 */
export interface Spool {
  /** Number of the newest event. */
  readonly last: number;
  readonly acked: number;
  /**
   * Resolves when the events are written; `durable`: when they would survive a power failure too.
   * @throws the file system's error; the events are then not in the spool
   */
  append(events: readonly NewEvent[], durable: boolean): Promise<void>;
  /** Events from number `from` on, oldest first; fewer than `max` only at the end. */
  read(from: number, max: number): Promise<SpooledEvent[]>;
  /** A gateway has recorded everything up to `seq`. */
  ack(seq: number): void;
  /**
   * Told once, when the first gateway has said how far this worker's events are recorded. If the disk lost the end of the spool, numbers were given
   * out a second time in this run: events of this run are renumbered behind what is recorded.
   */
  welcome(recorded: number): Promise<void>;
  /** Called after each append. */
  onAppend(listener: () => void): void;
  close(): Promise<void>;
}

/** Newest events kept in memory, so that a connected worker never reads its own files. */
const TAIL = 5_000;
const ACK_DELAY_MS = 1_000;

interface Pending {
  readonly events: readonly NewEvent[];
  readonly durable: boolean;
  readonly resolve: () => void;
  readonly reject: (e: unknown) => void;
}

export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { dir, segmentBytes = 1 << 20, maxBytes = 256 << 20 } = options;
  await mkdir(dir, { recursive: true });
  const ackFile = path.join(dir, 'acked');
  const segments = await readSegments(dir, options.warn);
  let acked = Number(await readFile(ackFile, 'utf8').catch(() => '0')) || 0;
  let last = Math.max(acked, segments.at(-1)?.last ?? 0);
  let firstOfRun = last + 1;
  let welcomed = false;
  let tail: SpooledEvent[] = [];
  let current: { handle: FileHandle; segment: Segment } | undefined;
  let pending: Pending[] = [];
  let dropped = 0;
  let ackTimer: NodeJS.Timeout | undefined;
  let closed = false;
  const listeners: (() => void)[] = [];
  // every change of the files happens in this chain, one after another
  let chain: Promise<void> = Promise.resolve();
  const exclusive = <T>(work: () => Promise<T>): Promise<T> => {
    const done = chain.then(work);
    chain = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  };

  const newSegment = async (first: number): Promise<{ handle: FileHandle; segment: Segment }> => {
    const file = path.join(dir, `${String(first).padStart(16, '0')}.log`);
    const handle = await open(file, 'a');
    // the name must be durable, not only the content
    const folder = await open(dir, 'r');
    await folder.sync().finally(() => folder.close());
    const segment = { file, first, last: first - 1, bytes: 0 };
    // a file of this name exists when all its lines were broken; it is empty now
    const same = segments.findIndex((s) => s.file === file);
    if (same >= 0) segments.splice(same, 1);
    segments.push(segment);
    return { handle, segment };
  };

  const write = async (batch: readonly Pending[]): Promise<void> => {
    const full = segments.reduce((n, s) => n + (s.last > acked ? s.bytes : 0), 0) > maxBytes;
    const kept = batch.flatMap((p) => p.events).filter((e) => !full || !/^\{"type":"(progress|log)"/.test(e.body));
    const skipped = batch.reduce((n, p) => n + p.events.length, 0) - kept.length;
    if (skipped > 0 && dropped === 0)
      options.warn({ bytes: maxBytes }, 'no gateway takes the events: progress and log events are dropped now');
    dropped += skipped;
    if (kept.length > 0) {
      if (current && current.segment.bytes >= segmentBytes) {
        await current.handle.close();
        current = undefined;
      }
      current ??= await newSegment(last + 1);
      const numbered = kept.map((e, i) => ({ ...e, seq: last + 1 + i }));
      const bytes = Buffer.from(numbered.map(encodeLine).join(''));
      const { handle, segment } = current;
      try {
        await handle.appendFile(bytes);
        if (batch.some((p) => p.durable)) await handle.datasync();
      } catch (e) {
        // half a line may be there: cut it off, or it would hide what comes after
        await handle.truncate(segment.bytes).catch(() => undefined);
        throw e;
      }
      segment.bytes += bytes.length;
      last += numbered.length;
      segment.last = last;
      tail.push(...numbered);
      if (tail.length > TAIL) tail = tail.slice(-TAIL);
    }
  };

  const drain = async (): Promise<void> => {
    while (pending.length > 0) {
      const batch = pending;
      pending = [];
      try {
        await write(batch);
        for (const p of batch) p.resolve();
        for (const listener of listeners) listener();
      } catch (e) {
        for (const p of batch) p.reject(e);
      }
    }
  };

  const persistAck = async (): Promise<void> => {
    const part = `${ackFile}.part`;
    await writeFile(part, String(acked));
    await rename(part, ackFile);
    // the newest segment stays: it holds the number to go on from
    while (segments.length > 1 && (segments[0]?.last ?? Infinity) <= acked) {
      const oldest = segments.shift();
      if (oldest) await rm(oldest.file, { force: true });
    }
  };

  const fromDisk = async (from: number, max: number): Promise<SpooledEvent[]> => {
    const out: SpooledEvent[] = [];
    for (const segment of segments) {
      if (segment.last < from) continue;
      for (const line of (await readFile(segment.file, 'utf8')).split('\n')) {
        const event = decodeLine(line);
        if (event && event.seq >= from) out.push(event);
        if (out.length >= max) return out;
      }
    }
    return out;
  };

  return {
    get last() {
      return last;
    },
    get acked() {
      return acked;
    },
    append: (events, durable) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error('the event spool is closed'));
        pending.push({ events, durable, resolve, reject });
        // one drain at a time takes all that gathered while the one before was writing
        if (pending.length === 1) void exclusive(drain);
      }),
    read: (from, max) =>
      exclusive(async () => {
        const first = tail[0]?.seq;
        if (first !== undefined && first <= from) return tail.slice(from - first, from - first + max);
        return from > last ? [] : fromDisk(from, max);
      }),
    ack(seq) {
      if (seq <= acked) return;
      acked = Math.min(seq, last);
      const keep = tail.findIndex((e) => e.seq > acked);
      tail = keep < 0 ? [] : tail.slice(keep);
      ackTimer ??= setTimeout(() => {
        ackTimer = undefined;
        void exclusive(persistAck).catch((e: unknown) => options.warn({ error: String(e) }, 'the spool cannot be cut'));
      }, ACK_DELAY_MS);
    },
    welcome: (recorded) =>
      exclusive(async () => {
        if (welcomed) return;
        welcomed = true;
        const shift = recorded + 1 - firstOfRun;
        if (shift <= 0) return;
        const ofRun = await fromDisk(firstOfRun, Infinity);
        await current?.handle.close();
        current = undefined;
        const old = segments.splice(0);
        firstOfRun += shift;
        const renumbered = ofRun.map((e) => ({ ...e, seq: e.seq + shift }));
        const next = await newSegment(firstOfRun);
        const bytes = Buffer.from(renumbered.map(encodeLine).join(''));
        await next.handle.appendFile(bytes);
        await next.handle.datasync();
        next.segment.bytes = bytes.length;
        last = next.segment.last = recorded + renumbered.length;
        current = next;
        tail = renumbered.slice(-TAIL);
        for (const s of old) if (s.file !== next.segment.file) await rm(s.file, { force: true });
        options.warn(
          { recorded, renumbered: renumbered.length },
          'the gateway has recorded more events than the disk knew: the new ones are numbered behind them',
        );
      }),
    onAppend: (listener) => void listeners.push(listener),
    async close() {
      closed = true;
      clearTimeout(ackTimer);
      await exclusive(async () => {
        await persistAck();
        await current?.handle.close();
      });
    },
  };
}
