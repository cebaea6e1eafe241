import { plainGraph } from '../ops/custom-gradient.js';
import type { Lowering } from './lower.js';

/** Functions with a gradient of their own → what they compute, open to the optimising passes. */
export const customGradients: Lowering = {
  name: 'custom gradients',
  targets: ['cpu', 'cuda', 'webgpu'],
  run: plainGraph,
};
