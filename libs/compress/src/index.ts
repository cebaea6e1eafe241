export { quantizeWeight, type QuantizedWeight, type WeightOptions, type WeightType } from './affine.js';
export {
  quantizeDynamic,
  type KeptNode,
  type QuantizeDynamicOptions,
  type QuantizeReport,
  type QuantizedTensor,
} from './quantize-dynamic.js';
