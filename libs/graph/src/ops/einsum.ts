import { broadcastDim, showShape } from '../dims.js';
import type { Dim } from '../types.js';
import { stringAttr, type InferContext, type OpRule, type VjpContext } from './rule.js';
import { real, sample } from './samples.js';
import type { Value } from './signatures.js';

/** Labels of the operands and of the result, an ellipsis spelt out as the labels `.0`, `.1`, … counted from the last. */
interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
}

function parse(
  ctx: Pick<InferContext | VjpContext, 'attrs' | 'inputs' | 'fail'> & { input(i: number): Value },
): Equation {
  const text = stringAttr(ctx.attrs, 'equation', '').replaceAll(' ', '');
  const [left = '', right, ...more] = text.split('->');
  const terms = left.split(',');
  if (more.length > 0 || terms.length !== ctx.inputs.length || !/^[A-Za-z.,]*$/.test(left))
    return ctx.fail(`its equation "${text}" does not fit ${ctx.inputs.length} operands`);
  const spelt = (term: string, rank: number): string[] => {
    const named = term.replace('...', '').length;
    if (!/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term) || (term.includes('...') ? rank < named : rank !== named))
      return ctx.fail(`"${term}" of its equation does not fit a tensor of rank ${rank}`);
    const dots = Array.from({ length: rank - named }, (_, i) => `.${rank - named - 1 - i}`);
    const at = term.indexOf('...');
    return at < 0 ? [...term] : [...term.slice(0, at), ...dots, ...term.slice(at + 3)];
  };
  const operands = terms.map((t, i) => spelt(t, ctx.input(i).shape.length));
  const dots = operands.flat().filter((l) => l.startsWith('.'));
  const widest = new Set(dots).size;
  if (right === undefined) {
    // implicit form: labels that occur once, in alphabetical order, behind the ellipsis
    const once = [...new Set(operands.flat())].filter(
      (l) => !l.startsWith('.') && operands.flat().filter((x) => x === l).length === 1,
    );
    return { operands, result: [...spelt('...', widest), ...once.sort()] };
  }
  const named = right.replace('...', '').length;
  return { operands, result: spelt(right, named + (right.includes('...') ? widest : 0)) };
}

/** Attributes of an Einsum over operands of these labels; labels of an ellipsis get letters that are free. */
function equation(operands: readonly (readonly string[])[], result: readonly string[]): string {
  const used = new Set([...operands.flat(), ...result]);
  const free = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'].filter((l) => !used.has(l));
  const letters = new Map<string, string>();
  const letter = (label: string): string => {
    if (!label.startsWith('.')) return label;
    const known = letters.get(label) ?? free.shift() ?? label;
    letters.set(label, known);
    return known;
  };
  return `${operands.map((o) => o.map(letter).join('')).join(',')}->${result.map(letter).join('')}`;
}

export const Einsum: OpRule<'Einsum'> = {
  since: 12,
  arity: [1, Infinity],
  attrs: { equation: 'string' },
  infer: (ctx) => {
    const { operands, result } = parse(ctx);
    const sizes = new Map<string, Dim>();
    const { dtype } = ctx.input(0);
    operands.forEach((labels, i) => {
      const x = ctx.input(i);
      if (x.dtype !== dtype) ctx.fail(`its operands have the types ${dtype} and ${x.dtype}`);
      labels.forEach((l, axis) => {
        const d = x.shape[axis] ?? 1;
        const both = broadcastDim(sizes.get(l) ?? 1, d);
        if (both === undefined)
          return ctx.fail(`the label "${l}" has the size ${sizes.get(l)} and, in ${showShape(x.shape)}, ${d}`);
        sizes.set(l, both);
      });
    });
    const shape = result.map((l) => sizes.get(l) ?? ctx.fail(`its result has the label "${l}", which no operand has`));
    return [{ dtype, shape }];
  },
  emit: (b, text, ...inputs) => {
    const [y] = b.node('Einsum', inputs, { equation: { type: 'string', value: text } });
    return y ?? inputs[0];
  },
  // dX = einsum of the adjoint with the other operands to the labels of X; what no other term has was summed alone, so it is spread again
  vjp: (c) => {
    const { operands, result } = parse(c);
    return operands.map((labels, i) => {
      const x = c.input(i);
      if (!c.needs(i)) return undefined;
      if (new Set(labels).size < labels.length)
        return c.fail(`it has no gradient for an operand with a label twice ("${labels.join('')}")`);
      const others = c.inputs.flatMap((v, j) => (v && j !== i ? [{ value: v, labels: operands[j] ?? [] }] : []));
      const present = new Set([...result, ...others.flatMap((o) => o.labels)]);
      const kept = labels.filter((l) => present.has(l));
      const text = equation([result, ...others.map((o) => o.labels)], kept);
      const part = c.op.Einsum(text, c.grad, ...others.map((o) => o.value));
      const missing = labels.flatMap((l, axis) => (present.has(l) ? [] : [axis]));
      const full = missing.length === 0 ? part : c.op.Expand(c.op.Unsqueeze(part, missing), c.shapeOf(x));
      // sizes of 1 were broadcast along the label
      return c.unbroadcast(full, x);
    });
  },
  samples: [
    sample('product', { a: real([2, 3]), b: real([3, 4]) }, (op, { a, b }) => op.Einsum('ij,jk->ik', a, b)),
    sample('attention', { a: real([2, 3, 2, 4]), b: real([2, 2, 2, 4]) }, (op, { a, b }) =>
      op.Einsum('bqhd,bkhd->bhqk', a, b),
    ),
    sample('transpose', { a: real([2, 3]) }, (op, { a }) => op.Einsum('ij->ji', a)),
    sample('sum of an operand alone', { a: real([2, 3]), b: real([2]) }, (op, { a, b }) => op.Einsum('ij,i->i', a, b)),
    sample('ellipsis', { a: real([2, 2, 3]), b: real([3, 2]) }, (op, { a, b }) => op.Einsum('...i,ij->...j', a, b)),
    sample('outer, implicit', { a: real([2]), b: real([3]) }, (op, { a, b }) => op.Einsum('i,j', a, b)),
    sample('three operands', { a: real([2, 3]), b: real([3, 2]), d: real([2]) }, (op, { a, b, d }) =>
      op.Einsum('ij,jk,k->i', a, b, d),
    ),
  ],
};
