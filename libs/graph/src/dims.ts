import type { Dim, Shape } from './types.js';

/*
 * Symbolic sizes. A symbol is a name (`N`), or a canonical expression over names: a product `2*N*L` or a parenthesised sum `(N+2)`. Equal strings mean equal
 * sizes at run time; different strings mean that nothing is known. `?name` is a size of which nothing is known.
 */

/** Factors of a product. */
const factors = (symbol: string): string[] => atTopLevel(symbol, '*');

/** Splits where no parenthesis is open. */
function atTopLevel(symbol: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < symbol.length; i++) {
    const c = symbol[i];
    if (c === '(') depth++;
    else if (c === ')') depth--;
    else if (c === separator && depth === 0) {
      parts.push(symbol.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(symbol.slice(start));
  return parts;
}

function split(dims: readonly Dim[]): { number: number; symbols: string[] } {
  let number = 1;
  const symbols: string[] = [];
  for (const d of dims) {
    if (typeof d === 'number') number *= d;
    else
      for (const f of factors(d)) {
        if (/^\d+$/.test(f)) number *= Number(f);
        else symbols.push(f);
      }
  }
  return { number, symbols: symbols.sort() };
}

function join(number: number, symbols: readonly string[]): Dim {
  if (symbols.length === 0 || number === 0) return number;
  return [...(number === 1 ? [] : [String(number)]), ...symbols].join('*');
}

/** Number of elements of a shape. */
export function product(dims: readonly Dim[]): Dim {
  const { number, symbols } = split(dims);
  return join(number, symbols);
}

/** The product of `a` divided by the product of `b`, when it is known to divide: symbols cancel. */
export function quotient(a: readonly Dim[], b: readonly Dim[]): Dim | undefined {
  const top = split(a);
  const bottom = split(b);
  for (const s of bottom.symbols) {
    const i = top.symbols.indexOf(s);
    if (i < 0) return undefined;
    top.symbols.splice(i, 1);
  }
  if (bottom.number === 0 || top.number % bottom.number !== 0) return undefined;
  return join(top.number / bottom.number, top.symbols);
}

/** Sum of sizes, for Concat. */
export function sum(dims: readonly Dim[]): Dim {
  let number = 0;
  const terms: string[] = [];
  for (const d of dims) {
    if (typeof d === 'number') number += d;
    else terms.push(d);
  }
  if (terms.length === 0) return number;
  if (terms.length === 1 && number === 0) return terms[0] ?? 0;
  return `(${[...terms.sort(), ...(number === 0 ? [] : [String(number)])].join('+')})`;
}

/** A size of which nothing is known, named after the value and axis it belongs to. */
export const unknownDim = (value: string, axis: number): string => `?${value.replaceAll(/[^\w.]/g, '_')}.${axis}`;

/** True for a name that a caller chose, as opposed to an expression or an unknown. */
export const isSymbolName = (d: Dim): boolean => typeof d === 'string' && /^[A-Za-z_][\w.]*$/.test(d);

/**
 * Size of two broadcast sizes. A symbol beside a number greater than 1 can only be that number or 1, so the number is the result. Two different symbols
 * give an expression of both: which of them is 1 shows when the graph runs.
 * @returns undefined when the sizes cannot be broadcast
 */
export function broadcastDim(a: Dim, b: Dim): Dim | undefined {
  if (a === b || b === 1) return a;
  if (a === 1) return b;
  if (typeof a === 'number' && typeof b === 'number') return undefined;
  if (typeof a === 'number') return a;
  if (typeof b === 'number') return b;
  return `(${[a, b].sort().join('|')})`;
}

/** Multidirectional broadcasting of ONNX (NumPy rules). @returns undefined when the shapes do not fit */
export function broadcast(...shapes: readonly Shape[]): Shape | undefined {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    let dim: Dim = 1;
    for (const s of shapes) {
      const at = axis - (rank - s.length);
      const d = broadcastDim(dim, at < 0 ? 1 : (s[at] ?? 1));
      if (d === undefined) return undefined;
      dim = d;
    }
    out.push(dim);
  }
  return out;
}

/** True when both shapes are known to be the same. */
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

export const isStatic = (shape: Shape): shape is readonly number[] => shape.every((d) => typeof d === 'number');

export const showShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/**
 * The number that a size stands for when its symbols have these values.
 * @returns undefined when a symbol has none, or nothing is known of the size
 */
export function evalDim(d: Dim, sizes: Readonly<Record<string, number>>): number | undefined {
  if (typeof d === 'number') return d;
  const given = sizes[d];
  if (given !== undefined) return given;
  const parts = factors(d);
  if (parts.length > 1) return fold(parts, sizes, (a, b) => a * b);
  if (/^-?\d+$/.test(d)) return Number(d);
  if (!d.startsWith('(')) return undefined;
  const inner = d.slice(1, -1);
  const alternatives = atTopLevel(inner, '|');
  // one of two broadcast sizes is 1, or they are equal
  if (alternatives.length > 1) return fold(alternatives, sizes, (a, b) => Math.max(a, b));
  return fold(atTopLevel(inner, '+'), sizes, (a, b) => a + b);
}

function fold(
  parts: readonly string[],
  sizes: Readonly<Record<string, number>>,
  join: (a: number, b: number) => number,
): number | undefined {
  const values = parts.map((p) => evalDim(p, sizes));
  return values.reduce((a, b) => (a === undefined || b === undefined ? undefined : join(a, b)));
}
