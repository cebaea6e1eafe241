import os from 'node:os';
import path from 'node:path';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { createArtifactStore, type ArtifactStore } from '@strata/artifacts';
import { inference } from '@strata/contracts/grpc';
import { StrataError } from '@strata/kernel';
import { artifactConfigOf, createGrpcServer, createLogger, tlsOf, type GrpcServer } from '@strata/service-kit';
import type { ModelHostOptions } from '@strata/serving';
import type { Registry } from 'prom-client';
import type { Config } from '../config.js';
import { inferenceMethods } from './methods.js';
import { servingMetrics } from './metrics.js';
import { createModelFolders } from './model-files.js';
import { createRepository, type Repository } from './repository.js';

/** Online prediction: the gRPC server of the Open Inference Protocol. Started before the worker, because its address is in the worker's hello. */
export class OnlineService implements BeforeApplicationShutdown {
  private parts: { store: ArtifactStore; repository: Repository; server: GrpcServer; port: number } | undefined;
  private stopping = false;

  constructor(
    private readonly config: Config,
    private readonly version: string,
    private readonly registry: Registry,
    /** For tests: how a model's thread is started. */
    private readonly thread?: ModelHostOptions['thread'],
  ) {}

  /** @throws StrataError `port_in_use`, `invalid_configuration` */
  async start(): Promise<void> {
    const c = this.config;
    const log = createLogger('inference', c.LOG_LEVEL, c.LOG_PRETTY);
    const store = createArtifactStore(artifactConfigOf(c));
    const folders = createModelFolders(store, path.resolve(c.DATA_DIR, 'models'));
    await folders.clear();
    const repository = createRepository(
      folders,
      {
        ...(this.thread ? { thread: this.thread } : {}),
        threads: c.MODEL_THREADS,
        device: c.MODEL_DEVICE,
        maxModels: c.MAX_MODELS,
        batching: { maxBatchSize: c.MAX_BATCH_SIZE, maxQueueDelayMicroseconds: c.MAX_QUEUE_DELAY_MICROSECONDS },
        onCrash: (model, error) => log.error({ ...model, error: error.message }, 'a model crashed'),
      },
      (e) => log.warn({ error: e.message }, 'the folder of a closed model could not be removed'),
    );
    servingMetrics(repository.host, this.registry);
    const server = createGrpcServer({
      host: c.GRPC_HOST,
      port: c.GRPC_PORT,
      token: c.SERVICE_TOKEN,
      tls: tlsOf(c),
      log,
    });
    server.add(
      inference.GRPCInferenceServiceService,
      inferenceMethods(repository, { version: this.version, ready: () => !this.stopping }),
    );
    this.parts = { store, repository, server, port: await server.listen() };
  }

  private get running() {
    if (!this.parts) throw new StrataError('internal', 'online prediction has not started');
    return this.parts;
  }

  /** host:port for gateways. */
  get address(): string {
    const { INFERENCE_ADDRESS, GRPC_HOST } = this.config;
    const everywhere = GRPC_HOST === '0.0.0.0' || GRPC_HOST === '::';
    return INFERENCE_ADDRESS || `${everywhere ? os.hostname() : GRPC_HOST}:${this.running.port}`;
  }

  get port(): number {
    return this.running.port;
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping = true;
    if (!this.parts) return;
    await this.parts.server.close();
    await this.parts.repository.close();
    await this.parts.store.close();
  }
}
