import { createRegistry } from '../metrics.js';
import { runWorkerHost, type WorkerHostOptions } from '../worker/host.js';
import { quiet } from './control-server.js';
import { testRecipes } from './recipes.js';

export type HostProgramOptions = Omit<WorkerHostOptions, 'recipes' | 'log' | 'registry'>;

// A worker host as a process of its own, so that a test can kill it. Its options come as JSON.
const options = JSON.parse(process.argv[2] ?? '{}') as HostProgramOptions;
const host = await runWorkerHost({ ...options, recipes: testRecipes, log: quiet, registry: createRegistry('test') });
process.stdout.write(`${host.workerId}\n`);
process.on('SIGTERM', () => void host.stop().then(() => process.exit(0)));
