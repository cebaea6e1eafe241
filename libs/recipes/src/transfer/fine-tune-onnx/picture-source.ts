import type { DatasetHandle, ModelHandle } from '@strata/contracts';
import { imageBatches, loadImages, openImages, type ImageSize } from '@strata/data';
import { isFloat, showShape, type Graph } from '@strata/graph';
import { StrataError } from '@strata/kernel';
import { batchModule, shared } from '@strata/training';
import { augmentationOf } from '../../shared/picture-params.js';
import { channelCounter, createBatches, PICTURES, type ChannelStatistics } from '../../shared/pictures.js';
import type { FineTuneOnnxParams } from './params.js';
import { ROWS_AT_ONCE, type Answered, type Source } from './source.js';

type Input = Graph['inputs'][number];

/** Mean and standard deviation of ImageNet's training pictures, by which most published models of colours were trained. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
/** Numbers that go into a trunk at once: what its layers make of them is some times as much. */
const NUMBERS_AT_ONCE = 1 << 22;

/**
 * Pictures of an archive, in the size that the model takes. They are decoded when they are needed, and kept as bytes only while the trunk is trained.
 * @throws StrataError `invalid_input` when the model takes no pictures, `invalid_parameter` when the parameters contradict it
 */
export async function pictures(
  model: ModelHandle,
  graph: Graph,
  data: DatasetHandle,
  p: FineTuneOnnxParams,
  signal: AbortSignal,
): Promise<Source> {
  const { input, channelsLast, ...shape } = placesOf(graph);
  const size = await sizeOf(input, shape, data, p);
  const fixed = normalisation(model, p, size.channels);
  const norm: { mean: readonly number[]; std: readonly number[] } = { mean: fixed.mean ?? [], std: fixed.std ?? [] };
  const length = size.height * size.width * size.channels;
  const rowsAtOnce = Math.max(1, Math.min(ROWS_AT_ONCE, Math.floor(NUMBERS_AT_ONCE / length)));
  async function* decoded({ path, input: name, rows }: Answered): AsyncGenerator<Uint8Array> {
    const images = await openImages(path, name);
    try {
      yield* imageBatches(images, rows, size, rowsAtOnce, { name, signal });
    } finally {
      images.close();
    }
  }
  const kept = async ({ path, input: name, rows }: Answered): Promise<Uint8Array> =>
    (await loadImages(path, { ...size, name, rows, signal })).pixels;
  return {
    kind: 'pictures',
    columns: {},
    rowsAtOnce,
    async learn(train) {
      if (fixed.mean && fixed.std) return;
      const counter = channelCounter(size.channels);
      for await (const pixels of decoded(train)) counter.add(pixels);
      const found = counter.statistics();
      norm.mean = fixed.mean ?? found.mean;
      norm.std = fixed.std ?? found.std;
    },
    declare(b) {
      const x = b.input(PICTURES, 'float32', ['N', size.channels, size.height, size.width]);
      const placed = channelsLast ? b.op.Transpose(x, [0, 2, 3, 1]) : x;
      return new Map([[input.name, input.dtype === 'float32' ? placed : b.op.Cast(placed, input.dtype)]]);
    },
    async *once(rows) {
      for await (const pixels of decoded(rows)) {
        const batch = createBatches({ pixels, ...size, ...norm, seed: 0 });
        yield batch.feeds(Int32Array.from({ length: batch.rows }, (_, i) => i));
      }
    },
    batches: async (rows) => createBatches({ pixels: await kept(rows), ...size, ...norm, seed: 0 }),
    training: async (rows, expected, seed) =>
      batchModule({
        rows: rows.rows.length,
        create: createBatches,
        init: {
          pixels: shared(await kept(rows)),
          expected: { ...expected, values: shared(expected.values) },
          ...size,
          ...norm,
          seed,
          augmentation: augmentationOf(p),
        },
        module: new URL('../../shared/pictures.js', import.meta.url),
      }),
    get manifest(): Source['manifest'] {
      return {
        inputs: [{ name: 'image', datatype: 'BYTES', shape: [-1] }],
        preprocess: { kind: 'image', ...size, mean: [...norm.mean], std: [...norm.std] },
      };
    },
    files: [],
  };
}

interface Places {
  readonly input: Input;
  readonly channelsLast: boolean;
  readonly channels: 1 | 3;
  /** undefined where the model leaves them open. */
  readonly height: number | undefined;
  readonly width: number | undefined;
}

/** Where a model's one input has channels, rows and columns. @throws StrataError `invalid_input` */
function placesOf(graph: Graph): Places {
  const [input] = graph.inputs;
  const of = (channels: unknown, height: unknown, width: unknown, channelsLast: boolean): Places | undefined =>
    input && (channels === 1 || channels === 3)
      ? {
          input,
          channelsLast,
          channels,
          height: typeof height === 'number' ? height : undefined,
          width: typeof width === 'number' ? width : undefined,
        }
      : undefined;
  if (input && graph.inputs.length === 1 && isFloat(input.dtype) && input.shape.length === 4) {
    const [, a, b, c] = input.shape;
    const found = of(a, b, c, false) ?? of(c, a, b, true);
    if (found) return found;
  }
  const takes = graph.inputs.map((i) => `"${i.name}" ${i.dtype} ${showShape(i.shape)}`).join(', ');
  throw new StrataError(
    'invalid_input',
    `pictures go to a model with one floating input [N, C, H, W] or [N, H, W, C], C being 1 (grey) or 3 (colours); this one takes ${takes}.`,
    { where: { field: 'inputs.model' } },
  );
}

/** The model's size; where that is open the one of `image_size`, else that of the first picture. */
async function sizeOf(
  input: Input,
  { channels, height, width }: Pick<Places, 'channels' | 'height' | 'width'>,
  data: DatasetHandle,
  p: FineTuneOnnxParams,
): Promise<ImageSize> {
  const [h, w] = typeof p.image_size === 'number' ? [p.image_size, p.image_size] : (p.image_size ?? []);
  const differ = (asked?: number, has?: number) => asked !== undefined && has !== undefined && asked !== has;
  if (differ(h, height) || differ(w, width))
    throw new StrataError(
      'invalid_parameter',
      `image_size asks for ${h} × ${w}, and the model's input "${input.name}" is ${showShape(input.shape)}: pictures of ${height ?? 'any'} × ${width ?? 'any'}. Leave image_size out, or give that size.`,
      { where: { field: 'params.image_size' } },
    );
  const known = { height: height ?? h, width: width ?? w };
  if (known.height !== undefined && known.width !== undefined)
    return { channels, height: known.height, width: known.width };
  const images = await openImages(data.path, 'train');
  try {
    const first = await images.size(0);
    return { channels, height: known.height ?? first.height, width: known.width ?? first.width };
  } finally {
    images.close();
  }
}

/** Mean and deviation of values in [0, 1]; what is to be that of the training pictures is left out. @throws StrataError `invalid_parameter` */
function normalisation(model: ModelHandle, p: FineTuneOnnxParams, channels: 1 | 3): Partial<ChannelStatistics> {
  const unit = p.rescale ? 1 : 255;
  const { preprocess } = model.manifest;
  const auto = !p.rescale
    ? undefined
    : preprocess?.kind === 'image' && preprocess.channels === channels
      ? preprocess
      : channels === 3
        ? IMAGENET
        : undefined;
  const of = (field: 'mean' | 'std', otherwise: number): readonly number[] | undefined => {
    const given = p[`image_${field}`];
    if (given === null) return undefined;
    if (given === 'auto') return auto?.[field] ?? new Array<number>(channels).fill(otherwise / unit);
    if (given.length !== 1 && given.length !== channels)
      throw new StrataError(
        'invalid_parameter',
        `image_${field} has ${given.length} numbers, and the model takes pictures of ${channels} ${channels === 1 ? 'channel' : 'channels'}.`,
        { where: { field: `params.image_${field}` } },
      );
    return Array.from({ length: channels }, (_, c) => (given[c] ?? given[0] ?? otherwise) / unit);
  };
  const mean = of('mean', 0);
  const std = of('std', 1);
  return { ...(mean ? { mean } : {}), ...(std ? { std } : {}) };
}
