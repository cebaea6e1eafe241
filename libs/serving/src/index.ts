export { readManifest } from './manifest.js';
export { openModel, type OpenOptions, type Predictor } from './predictor.js';
export { predictionsOf, tensorsOf, type Cell, type Row } from './rows.js';
