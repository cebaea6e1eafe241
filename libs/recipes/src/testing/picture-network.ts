import { GraphBuilder, toOnnx, type DType, type Shape } from '@strata/graph';
import { noiseTensor } from './noise.js';

export interface Shaped {
  readonly shape: Shape;
  readonly last?: boolean;
  readonly channels?: number;
  readonly dtype?: DType;
}

/** A convolution, what it finds most of in each row and column, a dense layer; `last`: channels last, as tf2onnx writes it. */
export function pictureNetwork({ shape, last = false, channels = 1, dtype = 'float32' }: Shaped): Uint8Array {
  const b = new GraphBuilder('network');
  const x = b.op.Cast(b.input('picture', dtype, shape), 'float32');
  const first = last ? b.op.Transpose(x, [0, 3, 1, 2]) : x;
  const kernel = b.initializer('kernel', noiseTensor([8, channels, 3, 3], 3));
  const conv = b.op.Relu(b.op.Conv(first, kernel, b.initializer('bias', noiseTensor([8], 9)), { pads: [1, 1, 1, 1] }));
  // the same feature at each place of a row, and at each of a column: lying and standing bars
  const rows = b.op.ReduceMax(conv, { axes: [2], keepdims: false });
  const columns = b.op.ReduceMax(conv, { axes: [3], keepdims: false });
  const features = b.op.Concat([b.op.ReduceMean(rows, { axes: [2] }), b.op.ReduceMean(columns, { axes: [2] })], 1);
  const flat = b.op.Reshape(features, [-1, 16]);
  b.output(
    'old',
    b.op.Gemm(flat, b.initializer('w', noiseTensor([16, 5], 40)), b.initializer('c', noiseTensor([5], 60))),
  );
  return toOnnx(b.build());
}
