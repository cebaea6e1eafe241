export {
  ERRORS,
  StrataError,
  deserializeError,
  isErrorCode,
  isStrataError,
  toStrataError,
  type ErrorCode,
  type ErrorRow,
  type ErrorWhere,
  type SerializedError,
  type StrataErrorOptions,
} from './errors.js';
export { ID_PREFIX, newId, type IdKind } from './ids.js';
export { silentLogger, type LogFields, type Logger, type LogLevel } from './logger.js';
export { createRng, type Rng, type RngState } from './random.js';
export type { Language, Localized } from './text.js';
