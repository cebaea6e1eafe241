import type { BeforeApplicationShutdown, DynamicModule, OnApplicationBootstrap } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { StrataError } from '@strata/kernel';
import { Logger } from 'nestjs-pino';
import type { Registry } from 'prom-client';
import type { z } from 'zod';
import { artifactConfigOf, queueConfigOf, tlsOf } from '../config/derive.js';
import type { workerSettings } from '../config/shapes.js';
import { startHealthServer, type HealthServer } from '../health.js';
import { ready, stopOnSignals } from '../lifecycle.js';
import { createLogger, logging } from '../logging.js';
import { createRegistry } from '../metrics.js';
import { runWorkerHost, type WorkerHost, type WorkerHostOptions } from './host.js';

export type WorkerSettings = { [K in keyof typeof workerSettings]: z.output<(typeof workerSettings)[K]> };

/** What a worker application adds to its settings. */
export interface WorkerApp extends Pick<WorkerHostOptions, 'queue' | 'version' | 'recipes' | 'inferenceAddress'> {
  readonly service: string;
  readonly child: Pick<WorkerHostOptions['child'], 'entry' | 'env'>;
  readonly settings: WorkerSettings;
  /** For applications that measure more than jobs. */
  readonly registry?: Registry;
}

/** The worker host as part of a Nest application: begins to take jobs when the application is up, drains before it goes down. */
export class WorkerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private host: WorkerHost | undefined;
  private health: HealthServer | undefined;

  constructor(private readonly app: WorkerApp) {}

  async onApplicationBootstrap(): Promise<void> {
    const { service, settings: s, registry = createRegistry(service), ...rest } = this.app;
    this.host = await runWorkerHost({
      ...rest,
      // children run as this process does, but for a debugger's port
      child: { ...rest.child, execArgv: process.execArgv.filter((a) => !a.startsWith('--inspect')) },
      queueConfig: queueConfigOf(s),
      artifacts: artifactConfigOf(s),
      control: { address: s.CONTROL_ADDRESS, token: s.SERVICE_TOKEN, tls: tlsOf(s) },
      dataDir: s.DATA_DIR,
      concurrency: s.CONCURRENCY,
      threads: s.THREADS,
      memoryMb: s.MEMORY_MB,
      cacheMb: s.CACHE_MB,
      checkpointIntervalS: s.CHECKPOINT_INTERVAL_S,
      drainS: s.DRAIN_S,
      lockMs: s.LEASE_S * 1000,
      stalledMs: s.LEASE_S * 500,
      log: createLogger(service, s.LOG_LEVEL, s.LOG_PRETTY),
      registry,
      // the same way out as for a supervisor's SIGTERM
      onDrain: () => process.kill(process.pid, 'SIGTERM'),
    });
    const { host } = this;
    this.health = await startHealthServer({
      host: s.HTTP_HOST,
      port: s.HTTP_PORT,
      registry,
      checks: () => host.checks(),
    });
  }

  /** What the supervisor and the log are told at the start. */
  get info(): Readonly<Record<string, unknown>> {
    if (!this.host || !this.health) throw new StrataError('internal', 'the worker has not started');
    return {
      worker_id: this.host.workerId,
      concurrency: this.host.concurrency,
      devices: this.host.devices.map((d) => d.kind),
      http_port: this.health.port,
    };
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.health?.close();
    await this.host?.stop();
  }
}

class WorkerModule {}

/** For applications that do more than run jobs; `WorkerService` can be injected. */
export function workerModule(app: WorkerApp): DynamicModule {
  return {
    module: WorkerModule,
    imports: [logging(app.service, app.settings.LOG_LEVEL, app.settings.LOG_PRETTY)],
    providers: [{ provide: WorkerService, useFactory: () => new WorkerService(app) }],
    exports: [WorkerService],
  };
}

/** Milliseconds that stopping may take beyond the jobs' own time. */
const STOP_MS = 10_000;

/** The whole main program of a worker that does nothing else. */
export async function runWorkerApp(app: WorkerApp): Promise<void> {
  const context = await NestFactory.createApplicationContext(workerModule(app), {
    bufferLogs: true,
    abortOnError: false,
  });
  context.useLogger(context.get(Logger));
  stopOnSignals(() => context.close(), app.settings.DRAIN_S * 1000 + STOP_MS);
  ready(app.service, context.get(WorkerService).info);
}
