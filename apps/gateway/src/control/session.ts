import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { control } from '@strata/contracts/grpc';
import { StrataError } from '@strata/kernel';
import { toGrpcStatus } from '@strata/service-kit';
import type { EventRecorder } from './recorder.js';
import type { Roster } from './roster.js';

const { Command_Kind } = control;
export type ControlStream = ServerDuplexStream<control.WorkerMessage, control.GatewayMessage>;

/** Events in one transaction; beyond `FULL` waiting ones the stream is paused, which holds the worker back. */
const BATCH = 256;
const FULL = 2_000;
const RETRY_MS = { first: 100, most: 2_000 };

export interface SessionParts {
  readonly gatewayId: string;
  readonly roster: Roster;
  readonly recorder: EventRecorder;
  readonly onHello: (workerId: string, session: WorkerSession) => void;
  readonly onEnd: (session: WorkerSession) => void;
  readonly warn: (fields: Record<string, unknown>, message: string) => void;
}

/** One worker's stream: hello and welcome, then events in and acknowledgements out, heartbeats, commands. */
export class WorkerSession {
  workerId: string | undefined;
  private readonly events: control.WorkerEvent[] = [];
  private recording: Promise<void> | undefined;
  private over = false;

  constructor(
    private readonly stream: ControlStream,
    private readonly parts: SessionParts,
  ) {
    stream.on('data', ({ body }: control.WorkerMessage) => {
      if (body?.$case === 'hello') this.guard(this.hello(body.value));
      else if (body?.$case === 'heartbeat') void this.heartbeat(body.value);
      else if (body?.$case === 'event') this.take(body.value);
    });
    stream.on('end', () => {
      // said goodbye, unlike a stream that broke
      if (this.workerId) this.guard(parts.roster.left(this.workerId));
      stream.end();
      this.end();
    });
    stream.on('cancelled', () => this.end());
    stream.on('error', () => this.end());
  }

  command(kind: 'cancel' | 'pause' | 'drain', jobId: string): void {
    const kinds = { cancel: Command_Kind.CANCEL, pause: Command_Kind.PAUSE, drain: Command_Kind.DRAIN };
    this.write({ $case: 'command', value: { kind: kinds[kind], jobId } });
  }

  /** Finishes the transaction under way, then ends the stream; the worker keeps what was not acknowledged. */
  async close(): Promise<void> {
    this.over = true;
    await this.recording;
    this.stream.end();
  }

  private async hello(hello: control.Hello): Promise<void> {
    const ackedSeq = await this.parts.roster.enter(hello);
    this.workerId = hello.workerId;
    this.parts.onHello(hello.workerId, this);
    this.write({ $case: 'welcome', value: { gatewayId: this.parts.gatewayId, ackedSeq } });
  }

  private async heartbeat(beat: control.Heartbeat): Promise<void> {
    if (!this.workerId) return;
    try {
      for (const { kind, jobId } of await this.parts.roster.beat(this.workerId, beat)) this.command(kind, jobId);
    } catch (e) {
      // the next one says the same and more
      this.parts.warn({ err: e, worker: this.workerId }, 'a heartbeat was not recorded');
    }
  }

  private take(event: control.WorkerEvent): void {
    if (!this.workerId) {
      this.fail(new StrataError('invalid_request', 'the first message of a worker must be hello'));
      return;
    }
    this.events.push(event);
    if (this.events.length >= FULL) this.stream.pause();
    this.recording ??= this.record(this.workerId).finally(() => (this.recording = undefined));
  }

  /** A database that is away is waited for: the events are neither dropped nor acknowledged. */
  private async record(workerId: string): Promise<void> {
    let wait = RETRY_MS.first;
    while (this.events.length && !this.over) {
      const batch = this.events.slice(0, BATCH);
      try {
        const unwanted = await this.parts.recorder.record(workerId, batch);
        wait = RETRY_MS.first;
        this.events.splice(0, batch.length);
        this.write({ $case: 'ack', value: { seq: batch.at(-1)?.seq ?? 0 } });
        for (const jobId of unwanted) this.command('cancel', jobId);
        if (this.stream.isPaused() && this.events.length < FULL / 2) this.stream.resume();
      } catch (e) {
        this.parts.warn({ err: e, worker: workerId }, 'events could not be recorded yet');
        await sleep(wait);
        wait = Math.min(wait * 2, RETRY_MS.most);
      }
    }
  }

  private write(body: control.GatewayMessage['body']): void {
    if (!this.over) this.stream.write({ body });
  }

  private guard(work: Promise<void>): void {
    work.catch((e: unknown) => this.fail(e));
  }

  /** The worker comes back with a new stream. */
  private fail(e: unknown): void {
    this.parts.warn({ err: e, worker: this.workerId }, 'a worker’s stream was ended');
    this.stream.emit('error', toGrpcStatus(e));
    this.end();
  }

  private end(): void {
    if (this.over) return;
    this.over = true;
    this.parts.onEnd(this);
  }
}
