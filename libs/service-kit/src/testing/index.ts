// For the tests of applications: a control service over real gRPC, and processes from sources. Not part of the build.
export {
  TOKEN,
  newRecords,
  startControlServer,
  type ControlServer,
  type Recorded,
  type Records,
} from './control-server.js';
export { SOURCE_ARGV, testEnvironment } from './source.js';
export { until } from './until.js';
export { ended, endsOf, eventsOf, stepsOf } from './records.js';
