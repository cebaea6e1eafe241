// What a caller of the inference service needs: rows, tensors and messages into one another. Loads no native library.
export { readManifest } from './manifest.js';
export { predictionsOf, tensorsOf, type Cell, type Row } from './rows.js';
export { inferRequest, inferResponse, requestTensors, responseTensors } from './wire.js';
