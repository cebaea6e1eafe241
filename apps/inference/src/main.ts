import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import { NestFactory } from '@nestjs/core';
import { recipes } from '@strata/recipes';
import {
  createRegistry,
  packageVersion,
  ready,
  runMain,
  stopOnSignals,
  WorkerService,
  workerModule,
} from '@strata/service-kit';
import { Logger } from 'nestjs-pino';
import { childEnvironment, readConfig } from './config.js';
import { OnlineService } from './online/online.service.js';

/** Milliseconds that stopping may take beyond the jobs' own time. */
const STOP_MS = 10_000;

await runMain('inference', async () => {
  const settings = readConfig();
  const version = packageVersion(import.meta.url);
  const registry = createRegistry('inference');
  const online = new OnlineService(settings, version, registry);
  await online.start();
  const worker = workerModule({
    service: 'inference',
    queue: 'infer',
    version,
    settings,
    registry,
    recipes,
    child: { entry: fileURLToPath(new URL('./child.js', import.meta.url)), env: childEnvironment() },
    inferenceAddress: online.address,
  });
  const context = await NestFactory.createApplicationContext(
    { module: class InferenceModule {}, imports: [worker], providers: [{ provide: OnlineService, useValue: online }] },
    { bufferLogs: true, abortOnError: false },
  );
  context.useLogger(context.get(Logger));
  stopOnSignals(() => context.close(), settings.DRAIN_S * 1000 + STOP_MS);
  ready('inference', { ...context.get(WorkerService).info, grpc_port: online.port, inference_address: online.address });
});
