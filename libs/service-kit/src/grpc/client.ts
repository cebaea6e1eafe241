import {
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { StrataError } from '@strata/kernel';
import { grpcMetadata } from './auth.js';
import { fromGrpcError } from './errors.js';
import { MAX_MESSAGE_BYTES } from './server.js';
import { lightenSessions } from './stream-tables.js';
import { grpcChannelCredentials, type TlsFiles } from './tls.js';
import type { GeneratedService, Req, Res, UnaryName } from './types.js';

export interface GrpcClientOptions {
  /** host:port */
  readonly address: string;
  readonly token: string;
  readonly tls?: TlsFiles | undefined;
  /** What the other side is called in error messages, for example "the catalog service". */
  readonly name: string;
}

export interface CallOptions {
  readonly requestId?: string | undefined;
  /** 10 s unless told. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export type UnaryCalls<S extends GeneratedService> = {
  readonly [K in UnaryName<S>]: (request: Req<S[K]>, options?: CallOptions) => Promise<Res<S[K]>>;
};

export interface GrpcClient<S extends GeneratedService> {
  /**
   * Unary methods as promises.
   * @throws StrataError as the other side raised it, or `unavailable`, `deadline_exceeded`, `unauthenticated`
   */
  readonly call: UnaryCalls<S>;
  /** A bidirectional stream. Its errors are grpc-js's own: see `fromGrpcError`. */
  duplex<K extends keyof S & string>(method: K, requestId?: string): ClientDuplexStream<Req<S[K]>, Res<S[K]>>;
  /** A stream of answers to one request. */
  answers<K extends keyof S & string>(
    method: K,
    request: Req<S[K]>,
    requestId?: string,
  ): ClientReadableStream<Res<S[K]>>;
  /** True once the channel is connected, false when it is not within the time. */
  connected(timeoutMs: number): Promise<boolean>;
  close(): void;
}

const DEFAULT_DEADLINE_MS = 10_000;
/** Bytes that may be under way to a client. HTTP/2's own 64 KiB are less than a few answers that come at once: they would wait for leave to go on, several times each. */
const WINDOW_BYTES = 1024 * 1024;

type Serialize = (value: unknown) => Buffer;

/** A typed client over a generated service definition. The channel connects lazily and reconnects by itself. */
export async function createGrpcClient<S extends GeneratedService>(
  service: S,
  options: GrpcClientOptions,
): Promise<GrpcClient<S>> {
  lightenSessions();
  const client = new Client(options.address, await grpcChannelCredentials(options.tls), {
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc-node.flow_control_window': WINDOW_BYTES,
    // nothing here reads the call counts that grpc-js would keep for every call
    'grpc.enable_channelz': 0,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
  });
  const what = `${options.name} at ${options.address}`;

  const unary =
    (name: string, method: GeneratedService[string]) =>
    (request: unknown, call: CallOptions = {}): Promise<unknown> =>
      new Promise((resolve, reject) => {
        if (call.signal?.aborted) return reject(new StrataError('job_cancelled', `${name} was given up`));
        const running = client.makeUnaryRequest(
          method.path,
          method.requestSerialize as Serialize,
          method.responseDeserialize,
          request,
          grpcMetadata(options.token, call.requestId),
          { deadline: Date.now() + (call.deadlineMs ?? DEFAULT_DEADLINE_MS) },
          (e: ServiceError | null, response?: unknown) => {
            call.signal?.removeEventListener('abort', cancel);
            if (e) reject(fromGrpcError(e, what));
            else resolve(response);
          },
        );
        const cancel = (): void => running.cancel();
        call.signal?.addEventListener('abort', cancel, { once: true });
      });

  const calls = Object.fromEntries(
    Object.entries(service).flatMap(([name, method]) =>
      method.requestStream || method.responseStream ? [] : [[name, unary(name, method)]],
    ),
  ) as unknown as UnaryCalls<S>;

  const definition = (name: string): GeneratedService[string] => {
    const method = service[name];
    if (!method) throw new StrataError('internal', `the service definition has no method ${name}`);
    return method;
  };
  return {
    call: calls,
    duplex(name, requestId) {
      const method = definition(name);
      return client.makeBidiStreamRequest(
        method.path,
        method.requestSerialize as Serialize,
        method.responseDeserialize as never,
        grpcMetadata(options.token, requestId),
      );
    },
    answers(name, request, requestId) {
      const method = definition(name);
      return client.makeServerStreamRequest(
        method.path,
        method.requestSerialize as Serialize,
        method.responseDeserialize as never,
        request,
        grpcMetadata(options.token, requestId),
      );
    },
    connected: (timeoutMs) => new Promise((resolve) => client.waitForReady(Date.now() + timeoutMs, (e) => resolve(!e))),
    close: () => client.close(),
  };
}

export type { ClientDuplexStream, ClientReadableStream, ClientWritableStream };
