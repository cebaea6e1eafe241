export { loadConfig, withoutSettings, type Env } from './config/load.js';
export {
  artifactSettings,
  dataDirSetting,
  databaseSettings,
  grpcSettings,
  httpSettings,
  logSettings,
  queueSettings,
  serviceSettings,
  workerSettings,
} from './config/shapes.js';
export { artifactConfigOf, queueConfigOf, tlsOf } from './config/derive.js';
export { grpcMetadata, requestIdOf, REQUEST_ID } from './grpc/auth.js';
export {
  createGrpcClient,
  type ClientReadableStream,
  type CallOptions,
  type GrpcClient,
  type GrpcClientOptions,
} from './grpc/client.js';
export { Encoded } from './grpc/encoded.js';
export { fromGrpcError, toGrpcStatus } from './grpc/errors.js';
export { createGrpcServer, type GrpcServer, type GrpcServerOptions } from './grpc/server.js';
export { grpcChannelCredentials, grpcServerCredentials, type TlsFiles } from './grpc/tls.js';
export type { CallInfo, GeneratedService, Implementation } from './grpc/types.js';
export { startHealthServer, type Checks, type HealthServer } from './health.js';
export { packageVersion, ready, runMain, stopOnSignals, stopWithParent } from './lifecycle.js';
export { createLogger, logging, type LogSetting, type ServiceLogger } from './logging.js';
export { createRegistry, jobMetrics, metricsModule, type JobMetrics } from './metrics.js';
export { runWorkerHost, type WorkerHost, type WorkerHostOptions } from './worker/host.js';
export { WorkerService, runWorkerApp, workerModule, type WorkerApp, type WorkerSettings } from './worker/worker-app.js';
