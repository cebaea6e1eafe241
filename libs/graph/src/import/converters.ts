import { floatAttr, intAttr, intsAttr, stringAttr } from '../ops/rule.js';
import type { Attr, Attrs, DType, Node, TensorData, TensorType } from '../types.js';
import { tensorOf } from '../tensor.js';

/** What a conversion may use. */
export interface Conversion {
  /** A new constant. @returns its name */
  constant(data: TensorData): string;
  /** A name that nothing has yet. */
  fresh(base: string): string;
  /** Type of a value, when it is known. */
  type(name: string | undefined): TensorType | undefined;
  /** @throws StrataError `unsupported_operator` naming the node */
  fail(problem: string): never;
}

/** From operator set `until - 1` and older: what says the same in `until`. An operator that changed several times has several, in order. */
export interface Converter {
  readonly until: number;
  convert(node: Node, c: Conversion): readonly Node[];
}

const without = (attrs: Attrs, ...names: readonly string[]): Attrs =>
  Object.fromEntries(Object.entries(attrs).filter(([name]) => !names.includes(name)));
const int = (value: number): Attr => ({ type: 'int', value });
const ints = (c: Conversion, values: readonly number[]): string =>
  c.constant(tensorOf('int64', [values.length], values));
const scalar = (c: Conversion, dtype: DType, value: number): string => c.constant(tensorOf(dtype, [], [value]));
const helper = (op: string, node: Node, c: Conversion, inputs: readonly string[], attrs: Attrs = {}): Node => {
  const name = c.fresh(`${node.name}/${op}`);
  return { op, domain: '', name, inputs, outputs: [name], attrs };
};
const outputOf = (n: Node): string => n.outputs[0] ?? '';

/** An attribute of integers that became input `at`. */
const listToInput =
  (attr: string, at: number): Converter['convert'] =>
  (node, c) => {
    const values = intsAttr(node.attrs, attr);
    if (!values) return [node];
    const inputs = [...node.inputs];
    while (inputs.length < at) inputs.push('');
    inputs[at] = ints(c, values);
    return [{ ...node, inputs, attrs: without(node.attrs, attr) }];
  };

const reduction = (until: number): readonly Converter[] => [{ until, convert: listToInput('axes', 1) }];

/** Up to operator set 12 these worked on a matrix: all axes before `axis` by all others. */
const flattened: Converter = {
  until: 13,
  convert(node, c) {
    const [x = ''] = node.inputs;
    const axis = intAttr(node.attrs, 'axis', 1);
    const rank = c.type(x)?.shape.length;
    if (axis === -1 || (rank !== undefined && (axis === rank - 1 || axis === -1)))
      return [{ ...node, attrs: { ...node.attrs, axis: int(-1) } }];
    const shape = helper('Shape', node, c, [x]);
    const flat = helper('Flatten', node, c, [x], { axis: int(axis) });
    const inner = { ...helper(node.op, node, c, [outputOf(flat)], { axis: int(-1) }) };
    return [
      shape,
      flat,
      inner,
      {
        op: 'Reshape',
        domain: '',
        name: node.name,
        inputs: [outputOf(inner), outputOf(shape)],
        outputs: node.outputs,
        attrs: {},
      },
    ];
  },
};

const limits: Converter = {
  until: 11,
  convert(node, c) {
    const [x = ''] = node.inputs;
    const dtype = c.type(x)?.dtype ?? 'float32';
    const limit = (name: string) => (node.attrs[name] ? scalar(c, dtype, floatAttr(node.attrs, name, 0)) : '');
    const inputs = [x, limit('min'), limit('max')];
    while (inputs.at(-1) === '') inputs.pop();
    return [{ ...node, inputs, attrs: {} }];
  },
};

const pads: Converter = {
  until: 11,
  convert(node, c) {
    const [x = ''] = node.inputs;
    const list = intsAttr(node.attrs, 'pads') ?? intsAttr(node.attrs, 'paddings') ?? c.fail('it has no pads');
    const value = scalar(c, c.type(x)?.dtype ?? 'float32', floatAttr(node.attrs, 'value', 0));
    return [{ ...node, inputs: [x, ints(c, list), value], attrs: without(node.attrs, 'pads', 'paddings', 'value') }];
  },
};

const slice: Converter = {
  until: 10,
  convert(node, c) {
    const [x = ''] = node.inputs;
    const list = (name: string) => intsAttr(node.attrs, name) ?? c.fail(`it has no ${name}`);
    const axes = intsAttr(node.attrs, 'axes');
    const inputs = [x, ints(c, list('starts')), ints(c, list('ends')), ...(axes ? [ints(c, axes)] : [])];
    return [{ ...node, inputs, attrs: {} }];
  },
};

const topK: Converter = {
  until: 10,
  convert: (node, c) => [
    { ...node, inputs: [...node.inputs, ints(c, [intAttr(node.attrs, 'k', 1)])], attrs: without(node.attrs, 'k') },
  ],
};

const dropout: Converter = {
  until: 12,
  convert: (node, c) => [
    {
      ...node,
      inputs: [node.inputs[0] ?? '', scalar(c, 'float32', floatAttr(node.attrs, 'ratio', 0.5))],
      attrs: without(node.attrs, 'ratio', 'is_test'),
    },
  ],
};

const split: readonly Converter[] = [
  { until: 13, convert: listToInput('split', 1) },
  {
    until: 18,
    // without sizes the number of parts must be said
    convert: (node) =>
      node.inputs[1] ? [node] : [{ ...node, attrs: { ...node.attrs, num_outputs: int(node.outputs.length) } }],
  },
];

const batchNorm: readonly Converter[] = [
  {
    until: 14,
    // outputs behind the first were for training; `spatial` was only ever 1 in practice
    convert: (node, c) => {
      if (intAttr(node.attrs, 'spatial', 1) !== 1)
        c.fail('it normalises each element (spatial = 0), which no later operator does');
      return [{ ...node, outputs: node.outputs.slice(0, 1), attrs: without(node.attrs, 'spatial') }];
    },
  },
];

const upsample: Converter = {
  until: 10,
  convert(node, c) {
    const [x = '', given] = node.inputs;
    const list = node.attrs['scales'];
    const scales =
      given ??
      (list?.type === 'floats'
        ? c.constant(tensorOf('float32', [list.value.length], list.value))
        : c.fail('it has no scales'));
    return [resized(node, [x, '', scales])];
  },
};

const resized = (node: Node, inputs: readonly string[]): Node => ({
  ...node,
  op: 'Resize',
  inputs,
  attrs: {
    mode: { type: 'string', value: stringAttr(node.attrs, 'mode', 'nearest') },
    // what the older operators did
    coordinate_transformation_mode: { type: 'string', value: 'asymmetric' },
    ...(stringAttr(node.attrs, 'mode', 'nearest') === 'nearest'
      ? { nearest_mode: { type: 'string', value: 'floor' } as const }
      : {}),
  },
});

const resize: Converter = {
  until: 11,
  convert: (node) => [resized(node, [node.inputs[0] ?? '', '', node.inputs[1] ?? ''])],
};

/** Scale and bias had one element for each group; since 21 for each channel. */
const groupNorm: Converter = {
  until: 21,
  convert(node, c) {
    const [x = '', scale = '', bias = ''] = node.inputs;
    const channels = c.type(x)?.shape[1];
    const groups = intAttr(node.attrs, 'num_groups', 1);
    if (typeof channels !== 'number') return c.fail('the number of channels of its input is not known');
    if (c.type(scale)?.shape[0] === channels && groups !== channels) return [node];
    const widen = (name: string): Node[] => {
      const column = helper('Reshape', node, c, [name, ints(c, [groups, 1])]);
      const wide = helper('Expand', node, c, [outputOf(column), ints(c, [groups, channels / groups])]);
      return [column, wide, helper('Reshape', node, c, [outputOf(wide), ints(c, [channels])])];
    };
    const [s, b] = [widen(scale), widen(bias)];
    const last = (list: readonly Node[]) => outputOf(list.at(-1) ?? node);
    return [...s, ...b, { ...node, inputs: [x, last(s), last(b)] }];
  },
};

const scatter: Converter = { until: 11, convert: (node) => [{ ...node, op: 'ScatterElements' }] };

/** Operators whose older forms differ. What is not listed means in operator set 21 what it meant in 7, or was only widened. */
export const CONVERTERS: Readonly<Record<string, readonly Converter[]>> = {
  BatchNormalization: batchNorm,
  Clip: [limits],
  Dropout: [dropout],
  GroupNormalization: [groupNorm],
  Hardmax: [flattened],
  LogSoftmax: [flattened],
  Pad: [pads],
  ReduceL1: reduction(18),
  ReduceL2: reduction(18),
  ReduceLogSum: reduction(18),
  ReduceLogSumExp: reduction(18),
  ReduceMax: reduction(18),
  ReduceMean: reduction(18),
  ReduceMin: reduction(18),
  ReduceProd: reduction(18),
  ReduceSum: reduction(13),
  ReduceSumSquare: reduction(18),
  Resize: [resize],
  Scatter: [scatter],
  Slice: [slice],
  Softmax: [flattened],
  Split: split,
  Squeeze: [{ until: 13, convert: listToInput('axes', 1) }],
  TopK: [topK],
  Unsqueeze: [{ until: 13, convert: listToInput('axes', 1) }],
  Upsample: [upsample],
};
