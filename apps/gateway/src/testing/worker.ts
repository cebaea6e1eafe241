import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { DatasetFormat, JobEventBody, JobOutput } from '@strata/contracts';
import { control } from '@strata/contracts/grpc';
import { newId } from '@strata/kernel';
import { createGrpcClient } from '@strata/service-kit';
import { SERVICE_TOKEN } from './gateway.js';

const { ControlServiceService } = control;
type Stream = ClientDuplexStream<control.WorkerMessage, control.GatewayMessage>;

export interface TestWorker {
  readonly id: string;
  readonly commands: control.Command[];
  readonly welcomes: number[];
  claim(jobId: string, attempt?: number): Promise<control.ClaimResponse>;
  /** Sends an event and returns once it is acknowledged. */
  report(jobId: string, attempt: number, body: JobEventBody): Promise<void>;
  /** Sends events with numbers of one's own choice; returns once `ackOf` is acknowledged. */
  raw(events: { seq: number; jobId: string; attempt: number; body: unknown }[], ackOf?: number): Promise<void>;
  beat(running: string[]): void;
  command(kind: control.Command_Kind, jobId: string): Promise<void>;
  /** Breaks the stream, as a lost connection does. */
  cut(): void;
  close(): void;
}

export async function until(what: string, test: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await test())) {
    if (Date.now() > end) throw new Error(`waited in vain for: ${what}`);
    await new Promise((r) => setTimeout(r, 10));
  }
}

/** A worker as the gateway sees it: the real protocol over a real connection. */
export async function attachWorker(address: string, id = newId('worker')): Promise<TestWorker> {
  const client = await createGrpcClient(ControlServiceService, { address, token: SERVICE_TOKEN, name: 'the gateway' });
  const stream: Stream = client.duplex('attach');
  const commands: control.Command[] = [];
  const welcomes: number[] = [];
  let acked = 0;
  let seq = 0;
  stream.on('error', () => undefined);
  stream.on('data', ({ body }: control.GatewayMessage) => {
    if (body?.$case === 'welcome') {
      welcomes.push(body.value.ackedSeq);
      seq = Math.max(seq, body.value.ackedSeq);
      acked = Math.max(acked, body.value.ackedSeq);
    } else if (body?.$case === 'ack') acked = Math.max(acked, body.value.seq);
    else if (body?.$case === 'command') commands.push(body.value);
  });
  stream.write({
    body: {
      $case: 'hello',
      value: {
        workerId: id,
        queue: 'train',
        host: 'test',
        pid: process.pid,
        version: '0',
        concurrency: 1,
        devicesJson: JSON.stringify([{ kind: 'cpu', name: 'test', threads: 2 }]),
        recipes: ['diagnostics/ping'],
        running: [],
        inferenceAddress: '127.0.0.1:9',
      },
    },
  });
  await until('welcome', () => welcomes.length > 0);
  const write = (event: { seq: number; jobId: string; attempt: number; body: unknown }): void => {
    const { body, ...rest } = event;
    const bodyJson = typeof body === 'string' ? body : JSON.stringify(body);
    stream.write({ body: { $case: 'event', value: { ...rest, timeMs: Date.now(), bodyJson } } });
  };
  return {
    id,
    commands,
    welcomes,
    claim: (jobId, attempt = 1) => client.call.claim({ workerId: id, jobId, attempt }),
    async report(jobId, attempt, body) {
      const mine = ++seq;
      write({ seq: mine, jobId, attempt, body });
      await until(`acknowledgement of ${body.type}`, () => acked >= mine);
    },
    async raw(events, ackOf = events.at(-1)?.seq ?? 0) {
      for (const event of events) write(event);
      seq = Math.max(seq, ...events.map((e) => e.seq));
      await until(`acknowledgement of ${ackOf}`, () => acked >= ackOf);
    },
    beat(running) {
      const value = { timeMs: Date.now(), running, cpuFraction: 0.5, memoryBytes: 1_000_000 };
      stream.write({ body: { $case: 'heartbeat', value } });
    },
    command: (kind, jobId) =>
      until(`command ${kind}`, () => commands.some((c) => c.kind === kind && c.jobId === jobId)),
    cut: () => stream.cancel(),
    close() {
      stream.end();
      stream.cancel();
      client.close();
    },
  };
}

const FORMAT: DatasetFormat = {
  format: 'csv',
  delimiter: ',',
  header: true,
  columns: [{ name: 'x', type: 'number', missing: 0, distinct: 2, examples: ['1'] }],
  rows: 2,
  missing_values: [''],
};

export const datasetOutput = (file: { sha256: string; size: number }): JobOutput => ({
  kind: 'dataset',
  file,
  format: FORMAT,
});

export const done = (outputs: Record<string, JobOutput> = {}): JobEventBody => ({
  type: 'succeeded',
  result: { ok: true },
  outputs,
});
