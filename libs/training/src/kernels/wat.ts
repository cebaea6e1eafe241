import { StrataError } from '@strata/kernel';
import { inOrder, namesOf, type Assignments, type Expr } from './expr.js';

/** Type of addresses: 32 bits up to 4 GiB, where the machine's page protection checks them for nothing; 64 bits beyond. */
export type Address = 'i32' | 'i64';

/** float32 numbers per turn of a loop: four vectors of four. Arrays are padded to a multiple. */
export const LANES = 16;

const BINARY = { add: 'add', sub: 'sub', mul: 'mul', div: 'div', min: 'min', max: 'max' } as const;
const UNARY = { neg: 'neg', abs: 'abs', sqrt: 'sqrt' } as const;

/** A WebAssembly constant with the exact float32 bits. */
function constant(value: number): string {
  const f = Math.fround(value);
  if (Number.isNaN(f)) throw new StrataError('internal', 'an update has NaN as a constant');
  return Number.isFinite(f) ? `f32.const ${f}` : `f32.const ${f > 0 ? 'inf' : '-inf'}`;
}

/**
 * The fused loop of some assignments as WebAssembly text: function `name`(n, one address for each array in the order of `namesOf`, one f32 for each scalar).
 * `n` counts numbers and is a multiple of `LANES`; arrays do not overlap.
 */
export function elementwiseWat(name: string, assignments: Assignments, address: Address): string {
  const { arrays, scalars } = namesOf(assignments);
  const parts = inOrder(assignments);
  const local = new Map<Expr, string>();
  const setup: string[] = [];
  const locals: string[] = [];
  const declare = (e: Expr, suffix = ''): string => {
    const id = `$t${locals.length}${suffix}`;
    locals.push(`(local ${id} v128)`);
    local.set(e, id);
    return id;
  };
  const get = (e: Expr): string => `(local.get ${local.get(e) as string})`;
  // constants and scalars are spread over a vector once
  for (const e of parts) {
    if (e.kind === 'const') setup.push(`(local.set ${declare(e)} (f32x4.splat (${constant(e.value)})))`);
    if (e.kind === 'scalar') setup.push(`(local.set ${declare(e)} (f32x4.splat (local.get $s_${e.name})))`);
  }
  const needsSigns = parts.some((e) => e.kind === 'unary' && e.op === 'sign');
  const body: string[] = [];
  const once = new Map(local);
  for (let offset = 0; offset < LANES * 4; offset += 16) {
    local.clear();
    for (const [e, id] of once) local.set(e, id);
    const at = (a: string): string => `offset=${offset} (${address}.add (local.get $a_${a}) (local.get $i))`;
    for (const e of parts) {
      if (local.has(e)) continue;
      const value = vector(e, get, at);
      body.push(`(local.set ${declare(e)} ${value})`);
    }
    for (const [a, e] of Object.entries(assignments)) body.push(`(v128.store ${at(a)} ${get(e)})`);
  }
  return [
    `(func (export "${name}") (param $n ${address})`,
    ...arrays.map((a) => `(param $a_${a} ${address})`),
    ...scalars.map((s) => `(param $s_${s} f32)`),
    `(local $i ${address}) (local $end ${address})`,
    ...locals,
    ...(needsSigns ? ['(local $one v128) (local $minus_one v128) (local $zero v128)'] : []),
    ...(needsSigns
      ? ['(local.set $one (f32x4.splat (f32.const 1)))', '(local.set $minus_one (f32x4.splat (f32.const -1)))']
      : []),
    ...setup,
    `(local.set $end (${address}.shl (local.get $n) (${address}.const 2)))`,
    `(if (${address}.eqz (local.get $end)) (then (return)))`,
    '(loop $turn',
    ...body,
    `(local.set $i (${address}.add (local.get $i) (${address}.const ${LANES * 4})))`,
    `(br_if $turn (${address}.lt_u (local.get $i) (local.get $end)))))`,
  ].join('\n');
}

function vector(e: Expr, get: (e: Expr) => string, at: (array: string) => string): string {
  switch (e.kind) {
    case 'array':
      return `(v128.load ${at(e.name)})`;
    case 'unary':
      // 1 above zero, -1 below, and the number itself for zeros and NaN
      if (e.op === 'sign')
        return `(v128.bitselect (local.get $one) (v128.bitselect (local.get $minus_one) ${get(e.a)} (f32x4.lt ${get(e.a)} (local.get $zero))) (f32x4.gt ${get(e.a)} (local.get $zero)))`;
      return `(f32x4.${UNARY[e.op]} ${get(e.a)})`;
    case 'binary':
      return `(f32x4.${BINARY[e.op]} ${get(e.a)} ${get(e.b)})`;
    case 'where':
      return `(v128.bitselect ${get(e.then)} ${get(e.otherwise)} (f32x4.gt ${get(e.a)} ${get(e.b)}))`;
    default:
      throw new StrataError('internal', `"${e.kind}" is set before the loop`);
  }
}

/** Function `name`(n, address): the sum of squares of n float32 numbers in float64, always in the same order. Not finite exactly when a number is not. */
export function sumOfSquaresWat(name: string, address: Address): string {
  const at = (offset: number): string => `offset=${offset} (${address}.add (local.get $a) (local.get $i))`;
  const wide = (offset: number): string => `(f64x2.promote_low_f32x4 (v128.load64_zero ${at(offset)}))`;
  const sums = Array.from({ length: 8 }, (_, k) => `$s${k}`);
  return [
    `(func (export "${name}") (param $n ${address}) (param $a ${address}) (result f64)`,
    `(local $i ${address}) (local $end ${address}) (local $x v128)`,
    ...sums.map((s) => `(local ${s} v128)`),
    `(local.set $end (${address}.shl (local.get $n) (${address}.const 2)))`,
    `(if (${address}.eqz (local.get $end)) (then (return (f64.const 0))))`,
    '(loop $turn',
    ...sums.map(
      (s, k) =>
        `(local.set $x ${wide(8 * k)})\n(local.set ${s} (f64x2.add (local.get ${s}) (f64x2.mul (local.get $x) (local.get $x))))`,
    ),
    `(local.set $i (${address}.add (local.get $i) (${address}.const ${LANES * 4})))`,
    `(br_if $turn (${address}.lt_u (local.get $i) (local.get $end))))`,
    ...sums.slice(1).map((s) => `(local.set $s0 (f64x2.add (local.get $s0) (local.get ${s})))`),
    '(f64.add (f64x2.extract_lane 0 (local.get $s0)) (f64x2.extract_lane 1 (local.get $s0))))',
  ].join('\n');
}

/** A module of some functions over the imported memory `env.memory`. */
export const moduleWat = (functions: readonly string[], address: Address): string =>
  `(module (import "env" "memory" (memory ${address === 'i64' ? 'i64 ' : ''}0))\n${functions.join('\n')})`;
