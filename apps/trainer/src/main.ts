import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import { recipes } from '@strata/recipes';
import { packageVersion, runMain, runWorkerApp } from '@strata/service-kit';
import { childEnvironment, readConfig } from './config.js';

await runMain('trainer', () =>
  runWorkerApp({
    service: 'trainer',
    queue: 'train',
    version: packageVersion(import.meta.url),
    settings: readConfig(),
    recipes,
    child: { entry: fileURLToPath(new URL('./child.js', import.meta.url)), env: childEnvironment() },
  }),
);
