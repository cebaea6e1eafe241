import {
  Server,
  ServerInterceptingCall,
  type sendUnaryData,
  type ServerInterceptor,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { StrataError, isStrataError } from '@strata/kernel';
import type { ServiceLogger } from '../logging.js';
import { tokenChecker, requestIdOf } from './auth.js';
import { toGrpcStatus } from './errors.js';
import { grpcServerCredentials, type TlsFiles } from './tls.js';
import type { GeneratedService, Implementation } from './types.js';

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

type UnaryHandler = (
  request: unknown,
  call: { requestId: string; signal: AbortSignal; log: ServiceLogger },
) => Promise<unknown>;

function unary(name: string, handler: UnaryHandler, log: ServiceLogger) {
  return (call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>): void => {
    const requestId = requestIdOf(call.metadata);
    const callLog = log.child({ request_id: requestId });
    const abort = new AbortController();
    call.on('cancelled', () => abort.abort());
    const started = performance.now();
    const took = (): number => Math.round((performance.now() - started) * 10) / 10;
    handler(call.request, { requestId, signal: abort.signal, log: callLog }).then(
      (response) => {
        callLog.debug({ method: name, ms: took() }, 'call served');
        reply(null, response);
      },
      (e: unknown) => {
        const expected = isStrataError(e) && e.httpStatus < 500;
        callLog[expected ? 'debug' : 'error'](
          { method: name, ms: took(), error: e instanceof Error ? (e.stack ?? e.message) : String(e) },
          'call failed',
        );
        reply(toGrpcStatus(e));
      },
    );
  };
}

/** A gRPC server of one Strata service: token check on every call, errors with their code and place, request ids in its logs. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
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
      for (const [name, method] of Object.entries(service)) {
        const handler = implementation[name] as never;
        handlers[name] =
          method.requestStream || method.responseStream ? handler : (unary(name, handler, options.log) as never);
      }
      server.addService(service as unknown as ServiceDefinition, handlers);
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
