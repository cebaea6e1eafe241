// Node keeps the open streams of an HTTP/2 session in a Map and a Set. Both move to a new table after some dozen streams, and the full table points to its
// successor: one that has become old keeps every later stream, with all that belongs to its call, until the next full collection. The tables here stay what they are.
import { subscribe } from 'node:diagnostics_channel';

/** Open streams that are kept in lists; more of them at a time are rare, and kept as Node does. */
const FEW = 64;

/** As much of a Map as Node uses. */
export class FewMap<K, V> {
  // of one length for ever: a list that shrinks and grows leaves tables behind too
  private readonly keys = new Array<K | undefined>(FEW).fill(undefined);
  private readonly values = new Array<V | undefined>(FEW).fill(undefined);
  private few = 0;
  private readonly others = new Map<K, V>();

  get size(): number {
    return this.few + this.others.size;
  }

  private placeOf(key: K): number {
    for (let at = 0; at < this.few; at++) if (this.keys[at] === key) return at;
    return -1;
  }

  get(key: K): V | undefined {
    const at = this.placeOf(key);
    return at >= 0 ? this.values[at] : this.others.get(key);
  }

  set(key: K, value: V): this {
    const at = this.placeOf(key);
    if (at >= 0) this.values[at] = value;
    else if (this.few === FEW || this.others.has(key)) this.others.set(key, value);
    else {
      this.keys[this.few] = key;
      this.values[this.few++] = value;
    }
    return this;
  }

  delete(key: K): boolean {
    const at = this.placeOf(key);
    if (at < 0) return this.others.delete(key);
    // the last one takes the place: nothing is moved up
    const last = --this.few;
    this.keys[at] = this.keys[last];
    this.values[at] = this.values[last];
    this.keys[last] = undefined;
    this.values[last] = undefined;
    return true;
  }

  forEach(visit: (value: V, key: K) => void): void {
    const [keys, values] = [this.keys.slice(0, this.few), this.values.slice(0, this.few)];
    keys.forEach((key, i) => visit(values[i] as V, key as K));
    this.others.forEach(visit);
  }
}

/** As much of a Set as Node uses. */
export class FewSet<T> {
  private readonly held = new FewMap<T, true>();

  get size(): number {
    return this.held.size;
  }

  add(item: T): this {
    this.held.set(item, true);
    return this;
  }

  delete(item: T): boolean {
    return this.held.delete(item);
  }

  forEach(visit: (item: T) => void): void {
    this.held.forEach((_, item) => visit(item));
  }
}

type MapLike = Pick<FewMap<unknown, unknown>, 'size' | 'get' | 'set' | 'delete' | 'forEach'>;
type SetLike = Pick<FewSet<unknown>, 'size' | 'add' | 'delete' | 'forEach'>;
interface Tables {
  streams: MapLike;
  pendingStreams: SetLike;
}

const has = (value: unknown, ...methods: string[]): boolean =>
  typeof value === 'object' && value !== null && methods.every((m) => typeof (value as never)[m] === 'function');

/** Where a session keeps its streams; undefined in a Node that does it in another way, which is left alone. */
export function tablesOf(session: object): Tables | undefined {
  const states = Object.getOwnPropertySymbols(session).map((s) => (session as Record<symbol, unknown>)[s]);
  return states.find((state): state is Tables => {
    const { streams, pendingStreams } = (state ?? {}) as Partial<Tables>;
    return has(streams, 'get', 'set', 'delete', 'forEach') && has(pendingStreams, 'add', 'delete', 'forEach');
  });
}

const seen = new WeakSet<object>();

function lighten(message: unknown): void {
  const session = (message as { readonly stream?: { readonly session?: object } }).stream?.session;
  if (!session || seen.has(session)) return;
  seen.add(session);
  const tables = tablesOf(session);
  if (!tables) return;
  const streams = new FewMap<unknown, unknown>();
  tables.streams.forEach((stream, id) => streams.set(id, stream));
  const pending = new FewSet<unknown>();
  tables.pendingStreams.forEach((stream) => pending.add(stream));
  tables.streams = streams;
  tables.pendingStreams = pending;
}

let done = false;

/** Gives all HTTP/2 sessions of this process, when their first stream begins, tables that hold no later stream back from a quick clean-up. */
export function lightenSessions(): void {
  if (done) return;
  done = true;
  subscribe('http2.server.stream.created', lighten);
  subscribe('http2.client.stream.created', lighten);
}
