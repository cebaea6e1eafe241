import { setTimeout as sleep } from 'node:timers/promises';
import { control } from '@strata/contracts/grpc';
import { isStrataError, toStrataError, type LogFields } from '@strata/kernel';
import { createGrpcClient, type ClientDuplexStream, type GrpcClient } from '../grpc/client.js';
import { fromGrpcError } from '../grpc/errors.js';
import type { TlsFiles } from '../grpc/tls.js';
import type { ServiceLogger } from '../logging.js';
import type { Spool } from './spool.js';

const { ControlServiceService, Command_Kind } = control;

type Stream = ClientDuplexStream<control.WorkerMessage, control.GatewayMessage>;
export type CommandKind = 'cancel' | 'pause' | 'drain';

const WELCOME_MS = 5_000;
/** Events that were sent and not recorded for this long: the stream is made anew and they are sent again. */
const ACK_MS = 30_000;
const CLAIM_MS = 3_000;
const BACKOFF_MS = { first: 100, most: 3_000 };
const BATCH = 200;

export interface ControlOptions {
  readonly address: string;
  readonly token: string;
  readonly tls?: TlsFiles | undefined;
  readonly spool: Spool;
  /** Said at each attach: who this is and what runs here now. */
  readonly hello: () => control.Hello;
  readonly heartbeat: () => Promise<control.Heartbeat>;
  readonly heartbeatMs: number;
  readonly onCommand: (kind: CommandKind, jobId: string) => void;
  readonly log: ServiceLogger;
}

export interface ControlClient {
  readonly attached: boolean;
  /** The gateway's word on whether the job is to be run; undefined when no gateway answers. */
  claim(request: control.ClaimRequest, requestId: string): Promise<control.ClaimResponse | undefined>;
  /** True when every event was recorded within the time. */
  flushed(timeoutMs: number): Promise<boolean>;
  close(): void;
}

const COMMANDS: Readonly<Partial<Record<control.Command_Kind, CommandKind>>> = {
  [Command_Kind.CANCEL]: 'cancel',
  [Command_Kind.PAUSE]: 'pause',
  [Command_Kind.DRAIN]: 'drain',
};

/** Keeps the stream to a gateway: events out of the spool until they are recorded, heartbeats, commands in; attaches again whenever it breaks. */
export async function createControlClient(o: ControlOptions): Promise<ControlClient> {
  const client: GrpcClient<typeof ControlServiceService> = await createGrpcClient(ControlServiceService, {
    address: o.address,
    token: o.token,
    tls: o.tls,
    name: 'the gateway’s control service',
  });
  let closed = false;
  let attached = false;
  let stream: Stream | undefined;
  let wake: () => void = () => undefined;
  const ackListeners = new Set<() => void>();
  o.spool.onAppend(() => wake());

  /** Sends what the spool holds, and then what comes into it, while this stream lives. */
  const sendEvents = async (live: Stream, isOver: () => boolean): Promise<void> => {
    let next = o.spool.acked + 1;
    let goOn: () => void = () => undefined;
    for (const event of ['drain', 'close']) live.on(event, () => goOn());
    while (!isOver()) {
      const arrival = new Promise<void>((resolve) => (wake = resolve));
      const events = await o.spool.read(next, BATCH);
      for (const e of events) {
        if (isOver()) return;
        const value = { seq: e.seq, jobId: e.jobId, attempt: e.attempt, timeMs: e.timeMs, bodyJson: e.body };
        if (!live.write({ body: { $case: 'event', value } })) await new Promise<void>((resolve) => (goOn = resolve));
        next = e.seq + 1;
      }
      if (events.length === 0) await arrival;
    }
  };

  /** One life of the stream; returns when it has ended, with the reason. */
  const attach = (): Promise<LogFields> =>
    new Promise((resolve) => {
      const live: Stream = client.duplex('attach');
      stream = live;
      let over = false;
      let recordedAt = Date.now();
      let beat: NodeJS.Timeout | undefined;
      const end = (why: LogFields): void => {
        if (over) return;
        over = true;
        attached = false;
        clearTimeout(welcomeTimer);
        clearInterval(beat);
        wake();
        live.cancel();
        resolve(why);
      };
      const welcomeTimer = setTimeout(() => end({ reason: 'no welcome' }), WELCOME_MS);
      const sendBeat = async (): Promise<void> => {
        const value = await o.heartbeat();
        if (over) return;
        live.write({ body: { $case: 'heartbeat', value } });
        if (o.spool.last > o.spool.acked && Date.now() - recordedAt > ACK_MS)
          end({ reason: 'events are not recorded' });
      };
      const beatSafely = (): void =>
        void sendBeat().catch((e: unknown) => o.log.warn({ error: String(e) }, 'no heartbeat could be sent'));
      const recorded = (seq: number): void => {
        recordedAt = Date.now();
        o.spool.ack(seq);
        for (const listener of ackListeners) listener();
      };
      const welcome = async (value: control.Welcome): Promise<void> => {
        clearTimeout(welcomeTimer);
        await o.spool.welcome(value.ackedSeq);
        if (over) return;
        recorded(value.ackedSeq);
        attached = true;
        o.log.info({ gateway: value.gatewayId, unacknowledged: o.spool.last - o.spool.acked }, 'attached to a gateway');
        beat = setInterval(beatSafely, o.heartbeatMs);
        beatSafely();
        await sendEvents(live, () => over);
      };
      live.on('data', ({ body }: control.GatewayMessage) => {
        if (body?.$case === 'welcome')
          welcome(body.value).catch((e: unknown) => end({ reason: toStrataError(e).message }));
        else if (body?.$case === 'ack') recorded(body.value.seq);
        else if (body?.$case === 'command') {
          const kind = COMMANDS[body.value.kind];
          if (kind) o.onCommand(kind, body.value.jobId);
          else o.log.warn({ kind: body.value.kind }, 'the gateway sent a command that this version does not know');
        }
      });
      live.on('error', (e) => end({ reason: fromGrpcError(e, 'the control stream').message }));
      live.on('end', () => end({ reason: 'the gateway ended the stream' }));
      live.write({ body: { $case: 'hello', value: o.hello() } });
    });

  const stay = async (): Promise<void> => {
    let wait = BACKOFF_MS.first;
    let told = false;
    while (!closed) {
      const began = Date.now();
      const why = await attach();
      if (closed) return;
      if (Date.now() - began > 2 * BACKOFF_MS.most) {
        wait = BACKOFF_MS.first;
        told = false;
      }
      if (!told) o.log.warn({ ...why, address: o.address }, 'no gateway: events are kept on disk until one answers');
      told = true;
      // spread, so that the workers of a restarted gateway do not come all at once
      await sleep(wait * (0.5 + Math.random()));
      wait = Math.min(wait * 2, BACKOFF_MS.most);
    }
  };
  void stay().catch((e: unknown) => o.log.error({ error: String(e) }, 'the control client stopped'));

  return {
    get attached() {
      return attached;
    },
    async claim(request, requestId) {
      try {
        return await client.call.claim(request, { requestId, deadlineMs: CLAIM_MS });
      } catch (e) {
        const error = isStrataError(e) ? e : toStrataError(e);
        o.log.warn({ job_id: request.jobId, code: error.code, error: error.message }, 'no answer to a claim: going on');
        return undefined;
      }
    },
    flushed: (timeoutMs) =>
      new Promise((resolve) => {
        const done = (): boolean => o.spool.acked >= o.spool.last;
        if (done()) return resolve(true);
        const check = (): void => {
          if (done()) finish(true);
        };
        const timer = setTimeout(() => finish(false), timeoutMs);
        const finish = (value: boolean): void => {
          clearTimeout(timer);
          ackListeners.delete(check);
          resolve(value);
        };
        ackListeners.add(check);
      }),
    close() {
      closed = true;
      wake();
      stream?.end();
      stream?.cancel();
      client.close();
    },
  };
}
