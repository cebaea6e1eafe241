import type { Queue } from 'bullmq';

export type QueueConfig =
  | { readonly backend: 'redis'; readonly url: string }
  | {
      readonly backend: 'postgres';
      readonly connectionString: string;
      /** PostgreSQL schema of the queue's tables (default `bullmq`). */
      readonly schema?: string;
    };

/** Delay before attempt n + 1: `delayMs`, or `delayMs · 2^(n−1)`. */
export interface Backoff {
  readonly type: 'fixed' | 'exponential';
  readonly delayMs: number;
}

export interface QueueItem {
  /** Letters, digits, dash, underscore: the id of the row that it stands for. */
  readonly id: string;
  /** JSON. */
  readonly payload: unknown;
  /** 0 to 1000; higher is taken sooner, equal ones in the order of their adding. */
  readonly priority?: number;
  readonly delayMs?: number;
  /** Runs at most, the first included, while failures are retryable (default 1). */
  readonly attempts?: number;
  readonly backoff?: Backoff;
  /** While an item with the same key is in the queue (waiting, delayed or running), another one is not added. */
  readonly dedupe?: string;
  /**
   * The id may be in the queue from an earlier run: a waiting one is replaced, and a running one makes `add` throw `conflict` (try again once that run has ended)
   * instead of leaving it at that. Costs a second round trip.
   */
  readonly requeue?: boolean;
}

export type ItemState = 'waiting' | 'delayed' | 'active' | 'waiting-children';

export interface QueuedItem {
  readonly id: string;
  readonly state: ItemState;
  readonly payload: unknown;
  /** Runs begun. */
  readonly attempt: number;
  readonly addedAt: Date;
}

export type QueueCounts = Readonly<Record<ItemState, number>> & { readonly paused: boolean };

/** A job and the jobs that must succeed before it runs; a child that fails for good fails its parent (`parent_failed`). */
export interface FlowNode {
  readonly queue: string;
  readonly item: QueueItem;
  readonly children?: readonly FlowNode[];
}

export type Unsubscribe = () => Promise<void>;

/**
 * Producer's side. An item that has ended, either way, leaves the queue: the record of what happened is the gateway's. An id that is still in the queue is not
 * added again, so adding is idempotent.
 *
 * Every method throws `unavailable` when the backend does not answer within five seconds.
 */
export interface QueuePort {
  /** One round trip. @throws StrataError `conflict` only with `requeue` */
  add(queue: string, item: QueueItem): Promise<void>;
  /** One round trip for all of them, and all or none are added (`requeue` is not for bulks). */
  addBulk(queue: string, items: readonly QueueItem[]): Promise<void>;
  /** The whole tree at once, or nothing. */
  addFlow(root: FlowNode): Promise<void>;
  /** Takes a job that does not run out of the queue; `active`: it runs, and only its consumer can end it. */
  remove(queue: string, id: string): Promise<'removed' | 'active' | 'missing'>;
  get(queue: string, id: string): Promise<QueuedItem | undefined>;
  /** Those of `ids` that are not in the queue: to find what a backend that lost its memory forgot. */
  missing(queue: string, ids: readonly string[]): Promise<string[]>;
  counts(queue: string): Promise<QueueCounts>;
  /** Nothing is taken from the queue by any consumer until it is resumed; running jobs go on. */
  pause(queue: string): Promise<void>;
  resume(queue: string): Promise<void>;
  /** At most `max` jobs begin in any `perMs` milliseconds, all consumers together; null lifts the limit. */
  rateLimit(queue: string, limit: { readonly max: number; readonly perMs: number } | null): Promise<void>;
  /** To all processes that are subscribed at this moment; nothing is kept. */
  publish(channel: string, message: string): Promise<void>;
  /**
   * Returns once messages arrive. `onGap` is called after the connection was lost and made again: messages may have been missed, read the state anew. Messages of one
   * publisher arrive in order.
   */
  subscribe(channel: string, handler: (message: string) => void, onGap?: () => void): Promise<Unsubscribe>;
  /** For readiness: returns when the backend answers. */
  check(): Promise<void>;
  /** For Bull Board. */
  bull(queue: string): Queue;
  close(): Promise<void>;
}

export interface ConsumedJob {
  readonly id: string;
  readonly payload: unknown;
  /** Runs begun, this one included; also counts runs whose worker was lost. */
  readonly attempt: number;
  /** Aborted when the lock is lost (another consumer will get the job), by `Consumer.abort`, and by a forced close. */
  readonly signal: AbortSignal;
  /** Milliseconds until the next run if this one fails with `error`; undefined when there will be none. */
  retryIn(error: unknown): number | undefined;
  /**
   * Puts the job back for another consumer, as if it had not been taken: no attempt is spent. The handler must let through what this throws, always.
   * @param delayMs until it may be taken again (default 0)
   */
  release(delayMs?: number): Promise<never>;
  /** What the children of a flow returned, by id. */
  children(): Promise<Record<string, unknown>>;
}

export interface ConsumerOptions {
  readonly concurrency?: number;
  /** A job whose consumer does not renew its lock for this long is given to another one. */
  readonly lockMs?: number;
  /** Time between searches for such jobs; a lost job is found by the second search after its lock ran out. */
  readonly stalledMs?: number;
  /** A job that was given to another consumer more often than this fails. */
  readonly maxStalled?: number;
  /** Backend errors that the consumer survives. */
  readonly onError?: (error: Error) => void;
  /** A job ended as failed without its handler: its parent's failure, or lost too often. */
  readonly onFailed?: (job: { id: string; payload: unknown; attempt: number }, error: Error) => void;
}

export interface Consumer {
  /** Aborts the signal of a job that runs here; false when none does. */
  abort(id: string, reason?: unknown): boolean;
  /** Takes no further job; running ones go on. */
  pause(): Promise<void>;
  resume(): void;
  /** Returns when running jobs have ended; with `force` their signals are aborted and their locks left to run out. */
  close(force?: boolean): Promise<void>;
}

/** What it returns is kept for the parent of a flow. A StrataError that is not retryable ends the job; any other retryable one gives it its next attempt. */
export type JobHandler = (job: ConsumedJob) => Promise<unknown>;
