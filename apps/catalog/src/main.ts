import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { recipes } from '@strata/recipes';
import { ready, runMain, stopOnSignals } from '@strata/service-kit';
import { Logger } from 'nestjs-pino';
import { AppModule, CatalogServers } from './app.module.js';
import { readConfig } from './config.js';

await runMain('catalog', async () => {
  const config = readConfig();
  const app = await NestFactory.createApplicationContext(AppModule.with(config, recipes), {
    bufferLogs: true,
    // the reason must reach runMain instead of a process.exit inside Nest
    abortOnError: false,
  });
  app.useLogger(app.get(Logger));
  app.flushLogs();
  stopOnSignals(() => app.close());
  const { grpcPort, httpPort } = app.get(CatalogServers).ports;
  ready('catalog', { grpc: `${config.GRPC_HOST}:${grpcPort}`, http: `http://${config.HTTP_HOST}:${httpPort}` });
});
