import { StrataError } from '@strata/kernel';
import type { GraphBuilder, Value } from '@strata/graph';
import { inOrder, type Assignments, type Expr } from './expr.js';

/**
 * The assignments as ONNX nodes, for devices whose memory the program does not share.
 * @param arrays the old values, all of one shape
 * @param scalars values of rank 0
 * @returns the new value of each array that is assigned to
 */
export function emitAssignments(
  b: GraphBuilder,
  assignments: Assignments,
  arrays: Readonly<Record<string, Value>>,
  scalars: Readonly<Record<string, Value>>,
): Record<string, Value> {
  const { op } = b;
  const values = new Map<Expr, Value>();
  const known = (from: Readonly<Record<string, Value>>, name: string): Value => {
    const v = from[name];
    if (!v) throw new StrataError('internal', `the optimiser's update has no value "${name}"`);
    return v;
  };
  const get = (e: Expr): Value => values.get(e) as Value;
  const emit = (e: Expr): Value => {
    switch (e.kind) {
      case 'array':
        return known(arrays, e.name);
      case 'scalar':
        return known(scalars, e.name);
      case 'const':
        return b.scalar(e.value);
      case 'unary':
        return { neg: op.Neg, abs: op.Abs, sqrt: op.Sqrt, sign: op.Sign }[e.op](get(e.a));
      case 'binary':
        return { add: op.Add, sub: op.Sub, mul: op.Mul, div: op.Div, min: op.Min, max: op.Max }[e.op](
          get(e.a),
          get(e.b),
        );
      case 'where':
        return op.Where(op.Greater(get(e.a), get(e.b)), get(e.then), get(e.otherwise));
    }
  };
  for (const e of inOrder(assignments)) values.set(e, emit(e));
  return Object.fromEntries(Object.entries(assignments).map(([name, e]) => [name, get(e)]));
}
