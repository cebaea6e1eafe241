import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { QueuePort, Unsubscribe } from '@strata/queue';
import { z } from 'zod';
import { QUEUE } from '../platform/platform.module.js';

const CHANNEL = 'strata.commands';

const WorkerCommand = z.object({
  kind: z.enum(['cancel', 'pause', 'drain']),
  /** Null: whichever worker has the job. */
  workerId: z.string().nullable(),
  /** Empty for `drain`. */
  jobId: z.string(),
});
export type WorkerCommand = z.output<typeof WorkerCommand>;

/**
 * Brings a command to the gateway that holds the worker's stream. Nothing is kept: what a worker did not get is said again at its next
 * heartbeat, and a cancellation takes effect after a time limit anyway.
 */
@Injectable()
export class CommandBus implements OnModuleInit, OnModuleDestroy {
  private readonly handlers = new Set<(command: WorkerCommand) => void>();
  private readonly log = new Logger(CommandBus.name);
  private unsubscribe: Unsubscribe | undefined;

  constructor(@Inject(QUEUE) private readonly queue: QueuePort) {}

  async onModuleInit(): Promise<void> {
    this.unsubscribe = await this.queue.subscribe(CHANNEL, (message) => {
      const command = WorkerCommand.parse(JSON.parse(message));
      for (const handler of this.handlers) handler(command);
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.unsubscribe?.();
  }

  onCommand(handler: (command: WorkerCommand) => void): void {
    this.handlers.add(handler);
  }

  async send(command: WorkerCommand): Promise<void> {
    try {
      await this.queue.publish(CHANNEL, JSON.stringify(command));
    } catch (e) {
      this.log.warn(
        { err: e, job_id: command.jobId },
        `a ${command.kind} was not passed on; the next heartbeat brings it`,
      );
    }
  }
}
