import { JobEventBody } from '@strata/contracts';
import { control } from '@strata/contracts/grpc';
import { silentLogger } from '@strata/kernel';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { createGrpcServer, type GrpcServer } from '../grpc/server.js';
import type { ServiceLogger } from '../logging.js';

export const TOKEN = 'a-token-of-the-test';
export const quiet: ServiceLogger = { ...silentLogger, child: () => quiet };

type Stream = ServerDuplexStream<control.WorkerMessage, control.GatewayMessage>;

export interface Recorded {
  readonly workerId: string;
  readonly seq: number;
  readonly jobId: string;
  readonly attempt: number;
  readonly body: JobEventBody;
}

/** What outlives one server process in a real gateway's database. */
export interface Records {
  readonly events: Recorded[];
  /** Numbers that came a second time, before they were dropped as known. */
  readonly repeated: number[];
  readonly attempts: Map<string, number>;
  readonly denied: Map<string, string>;
  /** Of each worker, the highest number that is recorded. */
  readonly acked: Map<string, number>;
}

export const newRecords = (): Records => ({
  events: [],
  repeated: [],
  attempts: new Map(),
  denied: new Map(),
  acked: new Map(),
});

export interface ControlServer {
  readonly port: number;
  readonly hellos: control.Hello[];
  readonly heartbeats: control.Heartbeat[];
  command(kind: control.Command_Kind, jobId: string): void;
  stop(): Promise<void>;
}

/**
 * A control service over real gRPC that records as a gateway does: each number once, in order, attempts counted by Claim. `ackEvery` lets
 * acknowledgements lag, so that a restart makes the worker send again.
 */
export async function startControlServer(
  records: Records,
  options: { port?: number; ackEvery?: number } = {},
): Promise<ControlServer> {
  const server: GrpcServer = createGrpcServer({ host: '127.0.0.1', port: options.port ?? 0, token: TOKEN, log: quiet });
  const hellos: control.Hello[] = [];
  const heartbeats: control.Heartbeat[] = [];
  const streams = new Set<Stream>();
  const every = options.ackEvery ?? 1;
  server.add(control.ControlServiceService, {
    claim(request) {
      const reason = records.denied.get(request.jobId);
      if (reason) return Promise.resolve({ granted: false, reason, attempt: 0 });
      const attempt = (records.attempts.get(request.jobId) ?? 0) + 1;
      records.attempts.set(request.jobId, attempt);
      return Promise.resolve({ granted: true, reason: '', attempt });
    },
    attach(stream: Stream) {
      streams.add(stream);
      let workerId = '';
      stream.on('error', () => streams.delete(stream));
      stream.on('end', () => {
        streams.delete(stream);
        stream.end();
      });
      stream.on('data', ({ body }: control.WorkerMessage) => {
        if (body?.$case === 'hello') {
          hellos.push(body.value);
          workerId = body.value.workerId;
          const ackedSeq = records.acked.get(workerId) ?? 0;
          stream.write({ body: { $case: 'welcome', value: { gatewayId: 'test', ackedSeq } } });
        } else if (body?.$case === 'heartbeat') heartbeats.push(body.value);
        else if (body?.$case === 'event') {
          const e = body.value;
          if (e.seq <= (records.acked.get(workerId) ?? 0)) records.repeated.push(e.seq);
          else {
            records.acked.set(workerId, e.seq);
            const parsed = JobEventBody.parse(JSON.parse(e.bodyJson));
            records.events.push({ workerId, seq: e.seq, jobId: e.jobId, attempt: e.attempt, body: parsed });
          }
          if (e.seq % every === 0) stream.write({ body: { $case: 'ack', value: { seq: e.seq } } });
        }
      });
    },
  });
  const port = await server.listen();
  return {
    port,
    hellos,
    heartbeats,
    command(kind, jobId) {
      for (const s of streams) s.write({ body: { $case: 'command', value: { kind, jobId } } });
    },
    stop: () => server.close(0),
  };
}
