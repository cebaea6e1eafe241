export { glorotUniform, kaimingUniform, normal, ones, zeros } from './init.js';
export {
  ACTIVATIONS,
  activate,
  dense,
  dropout,
  dropoutFrom,
  embedding,
  embeddingBag,
  type Activation,
  type DenseOptions,
  type EmbeddingOptions,
} from './layers.js';
export {
  binaryCrossEntropy,
  crossEntropy,
  huber,
  meanAbsoluteError,
  meanSquaredError,
  type CrossEntropyOptions,
} from './losses.js';
