import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import { recipes } from '@strata/recipes';
import { packageVersion, runMain, runWorkerApp } from '@strata/service-kit';
import { childEnvironment, readConfig } from './config.js';

await runMain('compression', () =>
  runWorkerApp({
    service: 'compression',
    queue: 'compress',
    version: packageVersion(import.meta.url),
    settings: readConfig(),
    recipes,
    child: { entry: fileURLToPath(new URL('./child.js', import.meta.url)), env: childEnvironment() },
  }),
);
