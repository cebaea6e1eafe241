import type { GraphBuilder, Initializer, Value } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { convUniform, zeros } from './init.js';

/** One number for all spatial axes, or one for each. */
export type PerAxis = number | readonly number[];

export interface ConvOptions {
  /** Parameters are `{name}/weight` [out, in / groups, …] and `{name}/bias` [out], as PyTorch has them. */
  readonly name: string;
  readonly outChannels: number;
  readonly kernelSize: PerAxis;
  readonly stride?: PerAxis;
  /** Zeros on both sides of each axis; `same` keeps the size (stride 1). */
  readonly padding?: PerAxis | 'same';
  readonly dilation?: PerAxis;
  readonly groups?: number;
  readonly bias?: boolean;
  readonly init?: Initializer;
}

/** Channels of an image [N, C, …]. */
export function channelsOf(x: Value, layer: string): number {
  const channels = x.shape[1];
  if (typeof channels === 'number' && x.shape.length > 2) return channels;
  throw new StrataError(
    'invalid_graph',
    `${layer} needs an image [N, C, …] whose number of channels is known, but "${x.name}" is [${x.shape.join(', ')}]`,
    { where: { layer } },
  );
}

/** `v` for each of `rank` axes. @throws StrataError `invalid_graph` */
function perAxis(v: PerAxis, rank: number, layer: string, what: string): readonly number[] {
  const list = typeof v === 'number' ? Array.from({ length: rank }, () => v) : v;
  if (list.length === rank) return list;
  throw new StrataError('invalid_graph', `${layer}: its ${what} has ${list.length} numbers for ${rank} spatial axes`, {
    where: { layer },
  });
}

/** Convolution: x [N, in, …] → [N, out, …]. Written for one and two spatial axes by `conv1d` and `conv2d`. */
function conv(b: GraphBuilder, x: Value, rank: number, options: ConvOptions): Value {
  const { name, outChannels, groups = 1 } = options;
  const channels = channelsOf(x, name);
  if (x.shape.length !== rank + 2 || channels % groups !== 0 || outChannels % groups !== 0)
    throw new StrataError(
      'invalid_graph',
      `${name} convolves over ${rank} axes in ${groups} groups, which neither [${x.shape.join(', ')}] nor ${outChannels} output channels may contradict`,
      { where: { layer: name } },
    );
  const size = (v: PerAxis, what: string) => perAxis(v, rank, name, what);
  const kernel = size(options.kernelSize, 'kernel');
  const dilations = size(options.dilation ?? 1, 'dilation');
  const reach = kernel.map((k, i) => (k - 1) * (dilations[i] ?? 1));
  const { padding = 0 } = options;
  const before = padding === 'same' ? reach.map((r) => Math.floor(r / 2)) : size(padding, 'padding');
  const after = padding === 'same' ? reach.map((r) => Math.ceil(r / 2)) : before;
  return b.scope(name, () => {
    const weight = b.param('weight', x.dtype, [outChannels, channels / groups, ...kernel], options.init ?? convUniform);
    const bias = options.bias === false ? undefined : b.param('bias', x.dtype, [outChannels], zeros);
    return b.op.Conv(x, weight, bias, {
      strides: size(options.stride ?? 1, 'stride'),
      dilations,
      pads: [...before, ...after],
      group: groups,
    });
  });
}

/** x [N, in, L] → [N, out, L']. */
export const conv1d = (b: GraphBuilder, x: Value, options: ConvOptions): Value => conv(b, x, 1, options);
/** x [N, in, H, W] → [N, out, H', W']. */
export const conv2d = (b: GraphBuilder, x: Value, options: ConvOptions): Value => conv(b, x, 2, options);

export interface ConvTransposeOptions extends Omit<ConvOptions, 'padding'> {
  readonly padding?: PerAxis;
  readonly outputPadding?: PerAxis;
}

/** Transposed convolution, which enlarges by its stride: x [N, in, H, W] → [N, out, H', W']; `weight` is [in, out / groups, …]. */
export function convTranspose2d(b: GraphBuilder, x: Value, options: ConvTransposeOptions): Value {
  const { name, outChannels, groups = 1 } = options;
  const channels = channelsOf(x, name);
  const size = (v: PerAxis | undefined, fallback: number, what: string) => perAxis(v ?? fallback, 2, name, what);
  const pads = size(options.padding, 0, 'padding');
  return b.scope(name, () => {
    const shape = [channels, outChannels / groups, ...size(options.kernelSize, 1, 'kernel')];
    const weight = b.param('weight', x.dtype, shape, options.init ?? convUniform);
    const bias = options.bias === false ? undefined : b.param('bias', x.dtype, [outChannels], zeros);
    return b.op.ConvTranspose(x, weight, bias, {
      strides: size(options.stride, 1, 'stride'),
      dilations: size(options.dilation, 1, 'dilation'),
      pads: [...pads, ...pads],
      output_padding: size(options.outputPadding, 0, 'output padding'),
      group: groups,
    });
  });
}

export interface PoolOptions {
  readonly kernelSize: PerAxis;
  /** Default: the kernel's size. */
  readonly stride?: PerAxis;
  readonly padding?: PerAxis;
  readonly ceilMode?: boolean;
}

function pool(x: Value, options: PoolOptions, what: string) {
  const rank = x.shape.length - 2;
  const size = (v: PerAxis, name: string) => perAxis(v, rank, what, name);
  const kernel = size(options.kernelSize, 'kernel');
  const pads = size(options.padding ?? 0, 'padding');
  return {
    kernel,
    settings: {
      strides: size(options.stride ?? kernel, 'stride'),
      pads: [...pads, ...pads],
      ceil_mode: options.ceilMode ?? false,
    },
  };
}

/** The largest of each window: [N, C, …] → [N, C, …']. */
export function maxPool(b: GraphBuilder, x: Value, options: PoolOptions): Value {
  const { kernel, settings } = pool(x, options, 'maxPool');
  return b.op.MaxPool(x, kernel, settings)[0];
}

/** The mean of each window; zeros of the padding count, as in PyTorch. */
export function averagePool(b: GraphBuilder, x: Value, options: PoolOptions): Value {
  const { kernel, settings } = pool(x, options, 'averagePool');
  return b.op.AveragePool(x, kernel, { ...settings, count_include_pad: true });
}

/** Mean over all places: [N, C, …] → [N, C]. */
export const globalAveragePool = (b: GraphBuilder, x: Value): Value =>
  b.op.ReduceMean(x, { axes: x.shape.slice(2).map((_, i) => i + 2) });
