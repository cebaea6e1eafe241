import type { Node } from '../types.js';
import { edit, type Editor } from './edit.js';
import type { Lowering } from './lower.js';

/**
 * (Q · r) W = (Q W) · r and (Q · r)ᵀ H = Qᵀ (H · r) for a column r: where Q is the largest operand, as the gradient of logits over a vocabulary, scaling the others saves a pass over it.
 */
export const rowScales: Lowering = {
  name: 'row scales behind products',
  targets: ['cpu'],
  run(graph) {
    const e = edit(graph);
    for (const node of graph.nodes) if (node.op === 'Mul' && node.domain === '') move(e, node);
    return e.done();
  },
};

function move(e: Editor, mul: Node): void {
  const [q, r] = mul.inputs;
  const scaled = mul.outputs[0] ?? '';
  const [qs, rs] = [e.value(q ?? '')?.shape, e.value(r ?? '')?.shape];
  const classes = qs?.at(-1);
  if (q === undefined || r === undefined || !qs || !rs || qs.length !== rs.length || typeof classes !== 'number')
    return;
  if (rs.at(-1) !== 1 || classes < 2 || !rs.slice(0, -1).every((d, i) => d === qs[i])) return;
  const columns = classes;
  const edits = consumers(e, scaled, columns, { scaled, plain: q });
  if (!edits) return;
  const flatQ = e.node('Reshape', [q, e.ints([-1, columns])]);
  const flatR = e.node('Reshape', [r, e.ints([-1, 1])]);
  e.replace(mul, [flatQ, flatR, e.named(scaled, 'Mul', [q, r])]);
  for (const apply of edits) apply(flatQ.name, flatR.name);
}

type Apply = (q: string, r: string) => void;

/** The scaled value and the one before, of the same shape. */
interface Source {
  readonly scaled: string;
  readonly plain: string;
}

/** How each user of the scaled value, reshaped or not, is rewritten; undefined when one of them cannot be, or gains nothing. */
function consumers(e: Editor, name: string, columns: number, of: Source): Apply[] | undefined {
  const users = e.users(name);
  if (!users || users.length === 0) return undefined;
  const all: Apply[] = [];
  for (const user of users) {
    if (e.replaced(user)) return undefined;
    const [output] = user.outputs;
    const shape = e.value(output ?? '')?.shape;
    if (output === undefined || !shape) return undefined;
    if (user.op === 'Reshape' && user.domain === '' && shape.at(-1) === columns) {
      const inner = consumers(e, output, columns, of);
      if (!inner) return undefined;
      all.push(...inner);
    } else if (user.op === 'Transpose' && shape.length === 2) {
      const inner = transposed(e, output);
      if (!inner) return undefined;
      all.push(...inner);
    } else if (user.op === 'MatMul' && user.inputs[0] === name && user.inputs[1] !== name) {
      const w = user.inputs[1] ?? '';
      const other = e.value(w)?.shape;
      if (other?.length !== 2 || typeof other[1] !== 'number' || other[1] >= columns) return undefined;
      const open = shape.filter((d) => typeof d === 'string').length;
      if (open > 1 && name !== of.scaled) return undefined;
      all.push((q, r) => productThenScale(e, user, w, q, r, of.plain));
    } else if (user.op === 'MatMul' && user.inputs[1] === name) {
      const apply = weightProduct(e, user, columns);
      if (!apply) return undefined;
      all.push(apply);
    } else if (user.op === 'ReduceSum' && shape.length === 1 && shape[0] === columns) {
      all.push((q, r) => {
        const row = e.node('Reshape', [r, e.ints([1, -1])]);
        const sum = e.node('MatMul', [row.name, q]);
        e.replace(user, [row, sum, e.named(output, 'Reshape', [sum.name, e.ints([columns])])]);
      });
    } else return undefined;
  }
  return all;
}

/** Users of (Q · r)ᵀ: products (Q · r)ᵀ H. */
function transposed(e: Editor, name: string): Apply[] | undefined {
  const all: Apply[] = [];
  for (const user of e.users(name) ?? [undefined]) {
    const [a, h] = user?.inputs ?? [];
    if (user?.op !== 'MatMul' || a !== name || h === undefined || h === name || e.value(h)?.shape.length !== 2)
      return undefined;
    all.push((q, r) => {
      const turned = e.node('Transpose', [q], { perm: { type: 'ints', value: [1, 0] } });
      const rows = e.node('Mul', [h, r]);
      e.replace(user, [turned, rows, e.named(user.outputs[0] ?? '', 'MatMul', [turned.name, rows.name])]);
    });
  }
  return all;
}

/** H' (Q · r) with H' = Hᵀ: (H · r)ᵀ Q, where H is smaller than Q. */
function weightProduct(e: Editor, user: Node, columns: number): Apply | undefined {
  const left = e.maker(user.inputs[0], 'Transpose');
  const h = left?.inputs[0] ?? '';
  const shape = e.value(h)?.shape;
  const width = shape?.[1];
  if (shape?.length !== 2 || typeof width !== 'number' || width >= columns) return undefined;
  return (q, r) => {
    const rows = e.node('Mul', [h, r]);
    const turned = e.node('Transpose', [rows.name], { perm: { type: 'ints', value: [1, 0] } });
    e.replace(user, [rows, turned, e.named(user.outputs[0] ?? '', 'MatMul', [turned.name, q])]);
  };
}

/** (Q W) · r in the shape that the product has. */
function productThenScale(e: Editor, user: Node, w: string, q: string, r: string, like: string): void {
  const output = user.outputs[0] ?? '';
  const shape = e.value(output)?.shape ?? [];
  const product = e.node('MatMul', [q, w]);
  const scaled = e.node('Mul', [product.name, r]);
  const open = shape.filter((d) => typeof d === 'string').length;
  if (open <= 1) {
    const target = e.ints(shape.map((d) => (typeof d === 'string' ? -1 : d)));
    e.replace(user, [product, scaled, e.named(output, 'Reshape', [scaled.name, target])]);
    return;
  }
  // several open sizes: those of the operand before it was flattened, then the columns of w
  const rows = e.node('Shape', [like], {
    start: { type: 'int', value: 0 },
    end: { type: 'int', value: -1 },
  });
  const target = e.node('Concat', [rows.name, e.ints([Number(shape.at(-1))])], { axis: { type: 'int', value: 0 } });
  e.replace(user, [product, scaled, rows, target, e.named(output, 'Reshape', [scaled.name, target.name])]);
}
