import {
  Server,
  ServerInterceptingCall,
  type sendUnaryData,
  type ServerInterceptor,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { StrataError, isStrataError, type LogFields } from '@strata/kernel';
import type { ServiceLogger } from '../logging.js';
import { tokenChecker, requestIdOf } from './auth.js';
import { passEncoded } from './encoded.js';
import { toGrpcStatus } from './errors.js';
import { lightenSessions } from './stream-tables.js';
import { grpcServerCredentials, type TlsFiles } from './tls.js';
import type { CallInfo, GeneratedService, Implementation } from './types.js';

export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Callers show it as `authorization: Bearer …`. */
  readonly token: string;
  readonly tls?: TlsFiles | undefined;
  readonly log: ServiceLogger;
}

export interface GrpcServer {
  add<S extends GeneratedService>(service: S, implementation: Implementation<S>): void;
  /** @returns the port it listens on. @throws StrataError `port_in_use`, `invalid_configuration` */
  listen(): Promise<number>;
  /** Lets calls in progress end for `graceMs`, then cuts them. */
  close(graceMs?: number): Promise<void>;
}

function guard(token: string): ServerInterceptor {
  const admits = tokenChecker(token);
  return (_method, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, pass) {
            if (admits(metadata)) return pass(metadata);
            const error = new StrataError(
              'unauthenticated',
              'the service token is missing or wrong: give all services the same SERVICE_TOKEN.',
            );
            call.sendStatus(toGrpcStatus(error));
          },
        });
      },
    });
}

type UnaryHandler = (request: unknown, call: CallInfo) => Promise<unknown>;

/** What a handler knows of its call, made when it is asked for: most handlers ask for nothing, and a logger costs more than a short answer. */
class Call implements CallInfo {
  private abort: AbortController | undefined;
  private logger: ServiceLogger | undefined;
  private id: string | undefined;

  constructor(
    private readonly call: ServerUnaryCall<unknown, unknown>,
    private readonly parent: ServiceLogger,
  ) {}

  get requestId(): string {
    return (this.id ??= requestIdOf(this.call.metadata));
  }

  get log(): ServiceLogger {
    return (this.logger ??= this.parent.child({ request_id: this.requestId }));
  }

  get signal(): AbortSignal {
    if (this.abort) return this.abort.signal;
    const abort = (this.abort = new AbortController());
    if (this.call.cancelled) abort.abort();
    else this.call.once('cancelled', () => abort.abort());
    return abort.signal;
  }
}

function unary(name: string, handler: UnaryHandler, log: ServiceLogger) {
  return (call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>): void => {
    const started = performance.now();
    const info = new Call(call, log);
    const fields = (): LogFields => ({
      request_id: info.requestId,
      method: name,
      ms: Math.round((performance.now() - started) * 10) / 10,
    });
    handler(call.request, info).then(
      (response) => {
        log.debug(fields(), 'call served');
        reply(null, response);
      },
      (e: unknown) => {
        const expected = isStrataError(e) && e.httpStatus < 500;
        log[expected ? 'debug' : 'error'](
          { ...fields(), error: e instanceof Error ? (e.stack ?? e.message) : String(e) },
          'call failed',
        );
        reply(toGrpcStatus(e));
      },
    );
  };
}

/** A gRPC server of one Strata service: token check on every call, errors with their code and place, request ids in its logs. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  lightenSessions();
  const server = new Server({
    interceptors: [guard(options.token)],
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    // clients keep streams open and ping them: do not take that for abuse
    'grpc.keepalive_permit_without_calls': 1,
  });
  return {
    add(service, implementation) {
      const handlers: UntypedServiceImplementation = {};
      const methods: Record<string, unknown> = {};
      for (const [name, method] of Object.entries(service)) {
        const handler = implementation[name] as never;
        const streams = method.requestStream || method.responseStream;
        handlers[name] = streams ? handler : (unary(name, handler, options.log) as never);
        methods[name] = streams ? method : { ...method, responseSerialize: passEncoded(method.responseSerialize) };
      }
      server.addService(methods as unknown as ServiceDefinition, handlers);
    },
    async listen() {
      const credentials = await grpcServerCredentials(options.tls);
      const address = `${options.host}:${options.port}`;
      return new Promise((resolve, reject) => {
        server.bindAsync(address, credentials, (e, port) => {
          if (!e) return resolve(port);
          const taken = /EADDRINUSE/.test(e.message);
          reject(
            new StrataError(
              taken ? 'port_in_use' : 'invalid_configuration',
              taken
                ? `port ${options.port} of ${options.host} is taken: stop what uses it or set GRPC_PORT to another.`
                : `gRPC cannot listen on ${address}: ${e.message}. Check GRPC_HOST, GRPC_PORT and the TLS files.`,
              { cause: e },
            ),
          );
        });
      });
    },
    close: (graceMs = 2_000) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.forceShutdown(), graceMs);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}
