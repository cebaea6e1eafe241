// Generated messages and service definitions for grpc-js, one namespace for each protocol.
export * as catalog from './gen/catalog.js';
export * as control from './gen/control.js';
export * as inference from './gen/inference.js';
