import type { ModelManifest, Prediction } from '@strata/contracts';
import { createSession, type DeviceKind, type Tensor } from '@strata/runtime';
import path from 'node:path';
import { checkTensors } from './check.js';
import { readManifest } from './manifest.js';
import { preprocessOf } from './preprocess.js';
import { predictionsOf, tensorsOf, type Row } from './rows.js';

export interface OpenOptions {
  readonly threads?: number;
  readonly device?: DeviceKind;
}

/** A model folder (`model.json` and `model.onnx`) open in this process. `predict` and `infer` block the JavaScript thread while the runtime computes. */
export interface Predictor {
  readonly manifest: ModelManifest;
  /**
   * Raw rows in, one prediction for each out. `firstRow` numbers them in messages.
   * @throws StrataError `unknown_column`, `invalid_input` (naming row and field), `invalid_model`
   */
  predict(rows: readonly Row[], firstRow?: number): Promise<Prediction[]>;
  /**
   * The declared inputs in, the declared outputs (or those asked for) out. Text becomes n-grams or tokens, a picture pixels, here when the manifest says so.
   * @throws StrataError `invalid_input`
   */
  infer(inputs: Readonly<Record<string, Tensor>>, outputs?: readonly string[]): Promise<Record<string, Tensor>>;
  close(): Promise<void>;
}

/** @throws StrataError `invalid_model`, `invalid_onnx`, `external_data_outside`, `no_device` */
export async function openModel(dir: string, options: OpenOptions = {}): Promise<Predictor> {
  const manifest = await readManifest(dir);
  const session = await createSession(path.join(dir, 'model.onnx'), options);
  const prepare = await preprocessOf(dir, manifest, session.inputs).catch(async (e: unknown) => {
    await session.release();
    throw e;
  });
  const infer: Predictor['infer'] = async (inputs, outputs) => {
    checkTensors(manifest, inputs, outputs);
    const wanted = outputs ?? manifest.outputs.map((o) => o.name);
    const { feeds, extra = {} } = await prepare(inputs);
    const own = wanted.filter((name) => Object.hasOwn(extra, name));
    const made = await session.run(
      feeds,
      wanted.filter((name) => !own.includes(name)),
    );
    return { ...made, ...Object.fromEntries(own.map((name) => [name, extra[name] as Tensor])) };
  };
  return {
    manifest,
    infer,
    async predict(rows, firstRow = 1) {
      if (rows.length === 0) return [];
      const inputs = tensorsOf(manifest, rows, firstRow);
      return predictionsOf(manifest, await infer(inputs), inputs);
    },
    close: () => session.release(),
  };
}
