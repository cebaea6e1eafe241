import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { StrataError } from '@strata/kernel';
import { isDone, SENTINEL, withSentinel } from './copy-free.js';
import { deviceTensor, feedOf, type DeviceTensor } from './device-tensor.js';
import { runError } from './errors.js';
import { fromOrt, isTensorType, loadNative, toOrt, type NativeOptions, type SessionOptions } from './native.js';
import type { Tensor, TensorType } from './tensor.js';

export interface ValueDescription {
  readonly name: string;
  readonly dtype: TensorType;
  /** A name stands for a size that the caller chooses. */
  readonly shape: readonly (number | string)[];
}

export interface DeviceRun {
  /** Outputs that are not among the session's `keep`, on the CPU. */
  readonly outputs: Record<string, Tensor>;
  /** Outputs of `keep`, in the device's memory. The caller disposes of them. */
  readonly kept: Record<string, DeviceTensor>;
}

export interface Session {
  readonly inputs: readonly ValueDescription[];
  readonly outputs: readonly ValueDescription[];
  /** Milliseconds that loading the model took: parsing, optimisation, first allocation. */
  readonly buildMs: number;
  /**
   * Runs the model. `outputs` is a list of names (default: all) or, to write into memory that the caller owns, tensors by
   * name (`null`: the runtime allocates that one); the answer holds the same tensor objects. Blocks the JavaScript thread
   * while the runtime computes, after one turn of the event loop.
   * @throws StrataError `invalid_input`, `out_of_memory`, `internal`
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs?: readonly string[] | Readonly<Record<string, Tensor | null>>,
  ): Promise<Record<string, Tensor>>;
  /**
   * Runs the model on tensors of either kind and leaves the outputs of the option `keep` in the device's memory, to be fed to the next run: weights do not cross
   * the bus between steps. With WebGPU they are buffers of the GPU; the runtime's binding hands out no others, so on other devices they lie in the CPU's memory.
   * @throws StrataError `invalid_input`, `out_of_memory`, `internal`
   */
  runOnDevice(feeds: Readonly<Record<string, Tensor | DeviceTensor>>): Promise<DeviceRun>;
  /** Frees the native memory. A session that is used afterwards throws. */
  release(): Promise<void>;
}

function describe(metadata: readonly InferenceSession.ValueMetadata[]): ValueDescription[] {
  return metadata.map((m) => {
    if (!m.isTensor || !isTensorType(m.type))
      throw new StrataError(
        'invalid_onnx',
        `"${m.name}" of the model is ${m.isTensor ? `of type ${m.type}` : 'not a tensor'}, which Strata does not use`,
        { where: { node: m.name } },
      );
    return { name: m.name, dtype: m.type, shape: m.shape };
  });
}

const isNames = (o: readonly string[] | Readonly<Record<string, Tensor | null>>): o is readonly string[] =>
  Array.isArray(o);

/**
 * Loads a model, from bytes or from a file (whose external data then lie beside it). Operators run one after another,
 * with `threads` threads inside each.
 * @throws StrataError `invalid_onnx`, `external_data_outside`, `no_device`, `out_of_memory`
 */
export const createSession = async (model: Uint8Array | string, options: SessionOptions = {}): Promise<Session> =>
  sessionOf(model, options, {});

/** As `createSession`, with what only this library uses: the end of profiling, after which the profile's file is complete. */
export async function sessionOf(
  model: Uint8Array | string,
  options: SessionOptions,
  internal: NativeOptions,
): Promise<Session & { endProfile(): void }> {
  const device = options.device ?? 'cpu';
  const began = performance.now();
  // where outputs stay on the device the binding goes another way
  const copyFree = (options.preallocated ?? false) && typeof model !== 'string' && !options.keep;
  const native = await loadNative(copyFree ? withSentinel(model) : model, options, internal);
  const buildMs = performance.now() - began;
  const inputs = describe(native.inputMetadata);
  const outputs = describe(native.outputMetadata.filter((o) => o.name !== SENTINEL));
  const allOutputs: Record<string, null> = Object.fromEntries(outputs.map((o) => [o.name, null]));
  const keep = new Set(options.keep);
  let released = false;
  const checkOpen = (): void => {
    if (released) throw new StrataError('internal', 'the session was released and cannot run');
  };
  const call = (feeds: Record<string, OrtTensor>, fetches: Record<string, OrtTensor | null>) =>
    native.run(feeds, fetches).catch((e: unknown) => {
      throw runError(e);
    });

  return {
    inputs,
    outputs,
    buildMs,
    async run(feeds, wanted) {
      checkOpen();
      const fetches: Record<string, Tensor | null> = !wanted
        ? allOutputs
        : isNames(wanted)
          ? Object.fromEntries(wanted.map((n) => [n, null]))
          : wanted;
      const ortFeeds: Record<string, OrtTensor> = {};
      for (const name in feeds) ortFeeds[name] = toOrt(feeds[name] as Tensor);
      const ortFetches: Record<string, OrtTensor | null> = {};
      let owned = copyFree;
      for (const name in fetches) {
        if (!(name in allOutputs))
          throw new StrataError(
            'invalid_input',
            `the model has no output "${name}". It has: ${Object.keys(allOutputs).join(', ')}`,
          );
        const t = fetches[name];
        ortFetches[name] = t ? toOrt(t) : null;
        owned &&= t !== null;
      }
      if (owned) {
        await native.run(ortFeeds, { [SENTINEL]: null, ...ortFetches }).catch((e: unknown) => {
          if (!isDone(e)) throw runError(e);
        });
        // every value is there: the caller's
        return { ...(fetches as Record<string, Tensor>) };
      }
      const result = await call(ortFeeds, ortFetches);
      const answer: Record<string, Tensor> = {};
      for (const name in fetches) answer[name] = fetches[name] ?? fromOrt(result[name] as OrtTensor, name);
      return answer;
    },
    async runOnDevice(feeds) {
      checkOpen();
      const ortFeeds: Record<string, OrtTensor> = {};
      for (const name in feeds) ortFeeds[name] = feedOf(feeds[name] as Tensor | DeviceTensor, name);
      const result = await call(ortFeeds, allOutputs);
      const answer: DeviceRun = { outputs: {}, kept: {} };
      for (const { name } of outputs) {
        const o = result[name] as OrtTensor;
        if (keep.has(name)) answer.kept[name] = deviceTensor(o, name, device);
        else answer.outputs[name] = fromOrt(o, name);
      }
      return answer;
    },
    endProfile: () => native.endProfiling(),
    async release() {
      if (released) return;
      released = true;
      await native.release();
    },
  };
}
