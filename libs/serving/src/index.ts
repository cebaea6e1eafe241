export type { Batching, Inferred } from './host/batcher.js';
export {
  createModelHost,
  type ModelHost,
  type ModelHostOptions,
  type ModelState,
  type ModelStatistics,
} from './host/host.js';
export { readManifest } from './manifest.js';
export { openModel, type OpenOptions, type Predictor } from './predictor.js';
export { predictionsOf, tensorsOf, type Cell, type Row } from './rows.js';
