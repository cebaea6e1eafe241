/*
 * Element-wise updates as expressions. An optimiser says once what becomes of a weight and its state; this is compiled to a fused SIMD loop over WebAssembly memory (wat.ts), to ONNX nodes
 * (nodes.ts) and, for tests, to plain JavaScript (reference.ts). Every operation rounds to float32, so the loop and the reference agree bit for bit.
 */

export type UnaryOp = 'neg' | 'abs' | 'sqrt' | 'sign';
export type BinaryOp = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max';

export type Expr =
  /** The element of an array: weight, gradient, state. */
  | { readonly kind: 'array'; readonly name: string }
  /** One number for the whole step, such as the learning rate. */
  | { readonly kind: 'scalar'; readonly name: string }
  | { readonly kind: 'const'; readonly value: number }
  | { readonly kind: 'unary'; readonly op: UnaryOp; readonly a: Expr }
  | { readonly kind: 'binary'; readonly op: BinaryOp; readonly a: Expr; readonly b: Expr }
  /** `then` where a > b, else `otherwise`. */
  | { readonly kind: 'where'; readonly a: Expr; readonly b: Expr; readonly then: Expr; readonly otherwise: Expr };

/**
 * What becomes of each array that changes; all right sides see the old elements. Expressions are graphs: what is used twice is computed once, by object identity.
 */
export type Assignments = Readonly<Record<string, Expr>>;

type Operand = Expr | number;
const expr = (x: Operand): Expr => (typeof x === 'number' ? { kind: 'const', value: x } : x);
const binary =
  (op: BinaryOp) =>
  (a: Operand, b: Operand): Expr => ({ kind: 'binary', op, a: expr(a), b: expr(b) });
const unary =
  (op: UnaryOp) =>
  (a: Operand): Expr => ({ kind: 'unary', op, a: expr(a) });

export const array = (name: string): Expr => ({ kind: 'array', name });
export const scalar = (name: string): Expr => ({ kind: 'scalar', name });
export const add = binary('add');
export const sub = binary('sub');
export const mul = binary('mul');
export const div = binary('div');
export const min = binary('min');
export const max = binary('max');
export const neg = unary('neg');
export const abs = unary('abs');
export const sqrt = unary('sqrt');
export const sign = unary('sign');
/** `then` where a > b, else `otherwise`. */
export const where = (a: Operand, b: Operand, then: Operand, otherwise: Operand): Expr => ({
  kind: 'where',
  a: expr(a),
  b: expr(b),
  then: expr(then),
  otherwise: expr(otherwise),
});

/** The expressions that an expression is made of. */
export function operands(e: Expr): readonly Expr[] {
  switch (e.kind) {
    case 'unary':
      return [e.a];
    case 'binary':
      return [e.a, e.b];
    case 'where':
      return [e.a, e.b, e.then, e.otherwise];
    default:
      return [];
  }
}

/** All parts of the assignments, each once, in an order in which operands come first. */
export function inOrder(assignments: Assignments): Expr[] {
  const seen = new Set<Expr>();
  const visit = (e: Expr): void => {
    if (seen.has(e)) return;
    operands(e).forEach(visit);
    seen.add(e);
  };
  Object.values(assignments).forEach(visit);
  return [...seen];
}

/** Names of the arrays and scalars that the assignments read or write, in a stable order. */
export function namesOf(assignments: Assignments): { arrays: string[]; scalars: string[] } {
  const arrays = new Set(Object.keys(assignments));
  const scalars = new Set<string>();
  for (const e of inOrder(assignments)) {
    if (e.kind === 'array') arrays.add(e.name);
    if (e.kind === 'scalar') scalars.add(e.name);
  }
  return { arrays: [...arrays].sort(), scalars: [...scalars].sort() };
}

/** The same assignments with each array read through `replace` (expressions that replace themselves must not contain what they replace). */
export function substitute(assignments: Assignments, replace: (name: string) => Expr | undefined): Assignments {
  const done = new Map<Expr, Expr>();
  const go = (e: Expr): Expr => {
    let r = done.get(e);
    if (r) return r;
    switch (e.kind) {
      case 'array':
        r = replace(e.name) ?? e;
        break;
      case 'unary':
        r = { ...e, a: go(e.a) };
        break;
      case 'binary':
        r = { ...e, a: go(e.a), b: go(e.b) };
        break;
      case 'where':
        r = { ...e, a: go(e.a), b: go(e.b), then: go(e.then), otherwise: go(e.otherwise) };
        break;
      default:
        r = e;
    }
    done.set(e, r);
    return r;
  };
  return Object.fromEntries(Object.entries(assignments).map(([n, e]) => [n, go(e)]));
}
