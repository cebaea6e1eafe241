export { cpuFeatures, listDevices } from './devices.js';
export { isDeviceTensor, readDevice, type DeviceTensor } from './device-tensor.js';
export { openGraph } from './graph-session.js';
export { measureMemory, type MemoryUse } from './memory.js';
export type { DeviceKind, SessionOptions } from './native.js';
export { profileGraph, profileTable, type OperatorTime, type Profile } from './profile.js';
export { createSession, type DeviceRun, type Session, type ValueDescription } from './session.js';
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
