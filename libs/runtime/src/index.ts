export { cpuFeatures, listDevices } from './devices.js';
export { createSession, type DeviceKind, type Session, type SessionOptions, type ValueDescription } from './session.js';
export {
  float32Of,
  sizeOf,
  stringsOf,
  tensor,
  zeros,
  type Tensor,
  type TensorType,
  type TypedArrays,
} from './tensor.js';
