import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { newId } from '@strata/kernel';
import type { QueuePort, Unsubscribe } from '@strata/queue';
import { QUEUE } from '../platform/platform.module.js';

const CHANNEL = 'strata.events';
/** A message of PostgreSQL's NOTIFY holds less than 8,000 bytes: 150 ids of 36 characters fit. */
const IDS_PER_MESSAGE = 150;

/**
 * Says that jobs have new events, to whoever follows them here or at another gateway. The events themselves are read from the database,
 * so a message that is late, lost or doubled does no harm.
 */
@Injectable()
export class EventHub implements OnModuleInit, OnModuleDestroy {
  /** Of this process: its own messages come back to it. */
  readonly gatewayId = newId('worker').replace('wrk', 'gw');
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly log = new Logger(EventHub.name);
  private unsubscribe: Unsubscribe | undefined;

  constructor(@Inject(QUEUE) private readonly queue: QueuePort) {}

  async onModuleInit(): Promise<void> {
    const all = (): void => this.tell([...this.listeners.keys()]);
    this.unsubscribe = await this.queue.subscribe(CHANNEL, (message) => this.receive(message), all);
  }

  async onModuleDestroy(): Promise<void> {
    await this.unsubscribe?.();
  }

  announce(jobIds: readonly string[]): void {
    const ids = [...new Set(jobIds)];
    this.tell(ids);
    for (let i = 0; i < ids.length; i += IDS_PER_MESSAGE) {
      const message = [this.gatewayId, ...ids.slice(i, i + IDS_PER_MESSAGE)].join(' ');
      // followers elsewhere look again at their next heartbeat
      this.queue
        .publish(CHANNEL, message)
        .catch((e: unknown) => this.log.warn({ err: e }, 'events were not announced'));
    }
  }

  listen(jobId: string, listener: () => void): () => void {
    const set = this.listeners.get(jobId) ?? new Set();
    this.listeners.set(jobId, set.add(listener));
    return () => {
      set.delete(listener);
      if (!set.size) this.listeners.delete(jobId);
    };
  }

  private receive(message: string): void {
    const [from, ...ids] = message.split(' ');
    if (from !== this.gatewayId) this.tell(ids);
  }

  private tell(jobIds: readonly string[]): void {
    for (const id of jobIds) for (const listener of this.listeners.get(id) ?? []) listener();
  }
}
