import type { GraphBuilder, Value } from '@strata/graph';
import type { Orthogonalize } from './update-rule.js';

/**
 * Emits the quintic Newton–Schulz iteration (Jordan et al. 2024): X = M/‖M‖; X ← aX + (bA + cA²)X with A = XXᵀ. The singular values of the result lie near 1. Matrices that are taller than wide
 * are turned, so that A is the smaller of the two products.
 */
export function orthogonalized(b: GraphBuilder, matrix: Value, options: Orthogonalize): Value {
  const { op } = b;
  const [rows, columns] = matrix.shape as readonly [number, number];
  const [ca, cb, cc] = options.coefficients;
  const turned = rows > columns;
  const m = turned ? op.Transpose(matrix, [1, 0]) : matrix;
  let x = op.Div(m, op.Max(op.Sqrt(op.ReduceSumSquare(m)), b.scalar(options.eps)));
  for (let i = 0; i < options.iterations; i++) {
    const a = op.MatMul(x, op.Transpose(x, [1, 0]));
    const polynomial = op.Add(op.Mul(a, b.scalar(cb)), op.Mul(op.MatMul(a, a), b.scalar(cc)));
    x = op.Add(op.Mul(x, b.scalar(ca)), op.MatMul(polynomial, x));
  }
  return turned ? op.Transpose(x, [1, 0]) : x;
}
