import { tensorBy, zeros as zeroTensor, type Initializer } from '@strata/graph';

/** Numbers that feed one output, and that one input feeds: the last axis counts outputs, the one before inputs, all earlier ones the receptive field. */
function fans(dims: readonly number[]): { fanIn: number; fanOut: number } {
  const field = dims.slice(0, -2).reduce((n, d) => n * d, 1);
  const fanOut = dims.at(-1) ?? 1;
  return { fanIn: field * (dims.at(-2) ?? fanOut), fanOut: field * fanOut };
}

/** U(-limit, limit) with `limit` from the fans. */
const uniform =
  (limit: (fanIn: number, fanOut: number) => number): Initializer =>
  (dims, dtype, rng) => {
    const { fanIn, fanOut } = fans(dims);
    const a = limit(fanIn, fanOut);
    return tensorBy(dtype, dims, () => a * (2 * rng.next() - 1));
  };

/** U(±√(6 / (fan_in + fan_out))): keeps variances through layers of tanh or sigmoid. Glorot & Bengio 2010. Weights are [in, out]. */
export const glorotUniform: Initializer = uniform((fanIn, fanOut) => Math.sqrt(6 / (fanIn + fanOut)));

/** U(±√(6 / fan_in)): keeps variances through layers of ReLU. He et al. 2015, arXiv 1502.01852. Weights are [in, out]. */
export const kaimingUniform: Initializer = uniform((fanIn) => Math.sqrt(6 / fanIn));

/** Weights [out, in / groups, …] of convolutions, the last axes being the window. */
function convFans(dims: readonly number[]): { fanIn: number; fanOut: number } {
  const window = dims.slice(2).reduce((n, d) => n * d, 1);
  return { fanIn: (dims[1] ?? 1) * window, fanOut: (dims[0] ?? 1) * window };
}

/** U(±1/√fan_in) for weights [out, in, …]: what PyTorch gives convolutions. */
export const convUniform: Initializer = (dims, dtype, rng) => {
  const a = 1 / Math.sqrt(convFans(dims).fanIn);
  return tensorBy(dtype, dims, () => a * (2 * rng.next() - 1));
};

/** N(0, 2 / fan_out) for weights [out, in, …]: keeps the variance of gradients through layers of ReLU, as residual networks begin. He et al. 2015, arXiv 1502.01852. */
export const kaimingNormal: Initializer = (dims, dtype, rng) =>
  normal(Math.sqrt(2 / convFans(dims).fanOut))(dims, dtype, rng);

/** N(0, std²). */
export const normal =
  (std = 0.02): Initializer =>
  (dims, dtype, rng) =>
    tensorBy(dtype, dims, () => std * rng.normal());

export const zeros: Initializer = (dims, dtype) => zeroTensor(dtype, dims);
export const ones: Initializer = (dims, dtype) => tensorBy(dtype, dims, () => 1);
