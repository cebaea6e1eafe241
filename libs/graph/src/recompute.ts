import type { GraphBuilder } from './builder.js';
import type { Value } from './ops/signatures.js';
import { isRandom } from './passes.js';
import { tensorOf } from './tensor.js';
import type { DType, Node } from './types.js';
import { capturedNames } from './uses.js';

const ARITHMETIC: ReadonlySet<DType> = new Set(['float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32']);

/**
 * Gradient checkpointing (Chen et al. 2016, arXiv 1604.06174). Nodes of a segment (`GraphBuilder.checkpoint`) are emitted once more when the backward pass reaches it; gradients use
 * those values, so that the first ones can be freed as soon as the forward pass is through the segment.
 *
 * The runtime would merge the second nodes with the first ones, or run them early, and would leave gradients of parameters to the end while it keeps what they need. So the values that enter
 * the second nodes depend on the adjoint that comes in, and on the gradients of the segment before: x − z, where z is a zero chosen instead of their elements. x − 0 has the bits of x.
 * @param adjointOf the adjoint of a value as far as it is known
 * @param finished gradients of parameters that were made since the last call
 * @returns the value that the gradient of `node` shall see for one of its inputs or outputs
 */
export function recomputation(
  b: GraphBuilder,
  adjointOf: (name: string) => Value | undefined,
  finished: () => readonly Value[],
): (node: Node, name: string) => Value {
  const { nodes, inputs } = b.build();
  const segments = new Map<string, Node[]>();
  for (const n of nodes) {
    if (n.segment === undefined || isRandom(n) || capturedNames(n).length > 0) continue;
    const of = segments.get(n.segment) ?? [];
    of.push(n);
    segments.set(n.segment, of);
  }
  const made = new Set(nodes.flatMap((n) => n.outputs));
  // parameters have numbers for sizes and are there all the time
  const data = new Set(
    inputs.filter((i) => i.dtype.startsWith('int') || i.shape.some((d) => typeof d === 'string')).map((i) => i.name),
  );
  const copies = new Map<string, Map<string, Value>>();

  function repeat(segment: string, at: Node): Map<string, Value> {
    const values = new Map<string, Value>();
    copies.set(segment, values);
    const own = segments.get(segment) ?? [];
    const before = [...at.outputs.flatMap((o) => adjointOf(o) ?? []), ...finished()];
    const { op } = b;
    const elements = before.map((v) => {
      const element = op.Slice(op.Reshape(v, [-1]), [0], [1], [0]);
      return v.dtype === 'float32' ? element : op.Cast(element, 'float32');
    });
    const [head, ...rest] = elements;
    if (!head) return values;
    const joined = rest.length === 0 ? head : op.Concat([head, ...rest], 0);
    // false everywhere: zeros, whatever the elements are
    const never = b.constant(tensorOf('bool', [1], [false]));
    const zero = op.ReduceSum(op.Where(never, joined, b.constant(tensorOf('float32', [1], [0]))));
    const late = (name: string): Value => {
      const x = b.value(name);
      if (!ARITHMETIC.has(x.dtype) || !(made.has(name) || data.has(name))) return x;
      return op.Sub(x, x.dtype === zero.dtype ? zero : op.Cast(zero, x.dtype));
    };
    for (const n of own) {
      const ins = n.inputs.map((name) => {
        if (name === '') return undefined;
        let v = values.get(name);
        if (!v) values.set(name, (v = late(name)));
        return v;
      });
      const outs = n.outputs.map((o) => (o !== '' && b.has(o) ? b.value(o) : undefined));
      // an unused output before a used one is made as well; nothing asks for its type
      const types = outs
        .slice(0, outs.findLastIndex((o) => o !== undefined) + 1)
        .map((o) => ({ dtype: o?.dtype ?? ('float32' as const), shape: o?.shape ?? [], known: o?.known }));
      const options = { domain: n.domain, name: `again/${n.name}`, types };
      b.node(n.op, ins, n.attrs, options).forEach((v, i) => {
        const name = n.outputs[i];
        if (name) values.set(name, v);
      });
    }
    return values;
  }

  return (node, name) => {
    const { segment } = node;
    if (segment === undefined || !segments.has(segment)) return b.value(name);
    return (copies.get(segment) ?? repeat(segment, node)).get(name) ?? b.value(name);
  };
}
