// Entry for the processes that run jobs: no Nest, no gRPC, quick to load.
export { runChild, type ChildOptions } from './child/run-child.js';
