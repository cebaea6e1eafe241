import { inOrder, namesOf, type Assignments, type BinaryOp, type Expr, type UnaryOp } from './expr.js';

const UNARY: Readonly<Record<UnaryOp, (a: number) => number>> = {
  neg: (a) => -a,
  abs: Math.abs,
  sqrt: Math.sqrt,
  sign: Math.sign,
};
const BINARY: Readonly<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
};

/**
 * The assignments in plain JavaScript, in place. A float64 result of one operation on float32 numbers, rounded to float32, is the correctly rounded float32 result (Figueroa 1995), so this is
 * what the WebAssembly loop must give, bit for bit.
 */
export function runReference(
  assignments: Assignments,
  arrays: Readonly<Record<string, Float32Array>>,
  scalars: Readonly<Record<string, number>>,
): void {
  const parts = inOrder(assignments);
  const n = arrays[namesOf(assignments).arrays[0] as string]?.length ?? 0;
  const values = new Map<Expr, number>();
  const get = (e: Expr): number => values.get(e) as number;
  const compute = (e: Expr, i: number): number => {
    switch (e.kind) {
      case 'array':
        return arrays[e.name]?.[i] as number;
      case 'scalar':
        return scalars[e.name] as number;
      case 'const':
        return e.value;
      case 'unary':
        return UNARY[e.op](get(e.a));
      case 'binary':
        return BINARY[e.op](get(e.a), get(e.b));
      case 'where':
        return get(e.a) > get(e.b) ? get(e.then) : get(e.otherwise);
    }
  };
  for (let i = 0; i < n; i++) {
    for (const e of parts) values.set(e, Math.fround(compute(e, i)));
    for (const [name, e] of Object.entries(assignments)) (arrays[name] as Float32Array)[i] = get(e);
  }
}
