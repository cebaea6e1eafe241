import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Subscribers, type Bus } from './bus.js';
import type { QueuePool } from './postgres-pool.js';

/** NOTIFY takes payloads below 8000 bytes; the rest is for the header. */
const PART_BYTES = 7800;
/** Characters of a PostgreSQL identifier. */
const CHANNEL_MAX = 63;
/** Parts of messages whose sender died in the middle are forgotten beyond this many. */
const OPEN_MAX = 1000;

interface Notification {
  readonly channel: string;
  readonly payload: string;
}

/**
 * LISTEN/NOTIFY. A payload is `<sender>:<sequence>:<part>:<parts>:<text>`; a message that is too long travels as base64 in several parts of one transaction,
 * and the sequence number keeps PostgreSQL from folding equal payloads into one. Messages that wait while a publish is on its way share the next
 * round trip.
 */
export function postgresBus(pool: QueuePool, connectionString: string, onError: (e: Error) => void): Bus {
  const subscribers = new Subscribers(onError);
  const sender = randomUUID().slice(0, 8);
  let sequence = 0;
  let closed = false;
  let listener: Promise<pg.Client> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let next: { batch: Notification[]; done: Promise<unknown> } | undefined;
  const open = new Map<string, string[]>();

  const receive = (channel: string, payload: string): void => {
    const m = /^([^:]*):(\d+):(\d+):(\d+):/.exec(payload);
    if (!m) return; // another program's use of the channel
    const [header, from, number, part, parts] = m;
    const text = payload.slice(header.length);
    if (parts === '1') return subscribers.deliver(channel, text);
    const key = `${channel}:${from}:${number}`;
    const got = open.get(key) ?? [];
    got[Number(part)] = text;
    open.set(key, got);
    if (Object.keys(got).length === Number(parts)) {
      open.delete(key);
      subscribers.deliver(channel, Buffer.from(got.join(''), 'base64').toString('utf8'));
    } else if (open.size > OPEN_MAX) {
      for (const oldest of open.keys()) {
        open.delete(oldest);
        break;
      }
    }
  };

  const connect = async (again: boolean): Promise<pg.Client> => {
    for (let wait = 50; ; wait = Math.min(wait * 2, 1000)) {
      const client = new pg.Client({ connectionString, keepAlive: true, application_name: 'strata-bus' });
      client.on('error', onError);
      try {
        await client.connect();
        client.on('notification', (n) => receive(n.channel, n.payload ?? ''));
        for (const channel of subscribers.channels) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
        client.once('end', () => {
          if (closed) return;
          listener = connect(true);
          listener.catch(onError);
        });
        if (again) subscribers.gap();
        return client;
      } catch (e) {
        await client.end().catch(onError);
        if (closed || !again) throw e;
        await sleep(wait);
        if (closed) throw e;
      }
    }
  };

  /** The channel set is LISTENed as a whole on a new connection, and one by one on a standing one. */
  const listen = async (channel: string): Promise<void> => {
    if (!listener) {
      listener = connect(false);
      listener.catch(() => (listener = undefined));
      await listener;
      return;
    }
    await (await listener).query(`LISTEN ${pg.escapeIdentifier(channel)}`);
  };

  const send = (batch: readonly Notification[]): Promise<unknown> =>
    pool.query('SELECT pg_notify(c, p) FROM unnest($1::text[], $2::text[]) AS m(c, p)', [
      batch.map((n) => n.channel),
      batch.map((n) => n.payload),
    ]);

  return {
    async publish(channel, message) {
      checkChannel(channel);
      const payloads = partsOf(`${sender}:${sequence++}`, message);
      if (!next) {
        const batch: Notification[] = [];
        const done = last
          .catch(() => undefined) // its publishers were told
          .then(() => {
            next = undefined;
            return send(batch);
          });
        next = { batch, done };
        last = done;
      }
      next.batch.push(...payloads.map((payload) => ({ channel, payload })));
      await next.done;
    },

    async subscribe(channel, handler, onGap) {
      checkChannel(channel);
      const { remove } = subscribers.add(channel, { handler, onGap });
      try {
        await listen(channel);
      } catch (e) {
        remove();
        throw e;
      }
      return async () => {
        if (remove()) await (await listener)?.query(`UNLISTEN ${pg.escapeIdentifier(channel)}`);
      };
    },

    async close() {
      closed = true;
      await listener?.then(
        (client) => client.end(),
        () => undefined,
      );
    },
  };
}

function partsOf(head: string, message: string): string[] {
  if (Buffer.byteLength(message) <= PART_BYTES) return [`${head}:0:1:${message}`];
  const text = Buffer.from(message).toString('base64');
  const parts = Math.ceil(text.length / PART_BYTES);
  return Array.from(
    { length: parts },
    (_, i) => `${head}:${i}:${parts}:${text.slice(i * PART_BYTES, (i + 1) * PART_BYTES)}`,
  );
}

function checkChannel(channel: string): void {
  if (channel.length === 0 || Buffer.byteLength(channel) > CHANNEL_MAX)
    throw new RangeError(`the channel "${channel}" must have 1 to ${CHANNEL_MAX} bytes`);
}
