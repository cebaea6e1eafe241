import type { HashedNgrams, ModelManifest, Prediction } from '@strata/contracts';
import { hashNgramsBatch } from '@strata/data';
import { createSession, type DeviceKind, type Session, type Tensor } from '@strata/runtime';
import { StrataError } from '@strata/kernel';
import path from 'node:path';
import { checkTensors } from './check.js';
import { readManifest } from './manifest.js';
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
   * The declared inputs in, the declared outputs (or those asked for) out. Text is made into n-grams here when the manifest says so.
   * @throws StrataError `invalid_input`
   */
  infer(inputs: Readonly<Record<string, Tensor>>, outputs?: readonly string[]): Promise<Record<string, Tensor>>;
  close(): Promise<void>;
}

/** @throws StrataError `invalid_model`, `invalid_onnx`, `external_data_outside`, `no_device` */
export async function openModel(dir: string, options: OpenOptions = {}): Promise<Predictor> {
  const manifest = await readManifest(dir);
  const session = await createSession(path.join(dir, 'model.onnx'), options);
  const infer: Predictor['infer'] = async (inputs, outputs) => {
    checkTensors(manifest, inputs, outputs);
    return session.run(feedsOf(manifest, session, inputs), outputs ?? manifest.outputs.map((o) => o.name));
  };
  return {
    manifest,
    infer,
    async predict(rows, firstRow = 1) {
      if (rows.length === 0) return [];
      return predictionsOf(manifest, await infer(tensorsOf(manifest, rows, firstRow)));
    },
    close: () => session.release(),
  };
}

/** What the graph itself takes: the declared inputs, or the ids of their n-grams. */
function feedsOf(
  manifest: ModelManifest,
  session: Session,
  inputs: Readonly<Record<string, Tensor>>,
): Readonly<Record<string, Tensor>> {
  const { preprocess } = manifest;
  if (!preprocess) return inputs;
  if (preprocess.kind !== 'hashed-ngrams')
    throw new StrataError('invalid_model', `this version does not serve models with ${preprocess.kind} preprocessing`);
  const [text] = manifest.inputs;
  const [ids, ...others] = session.inputs;
  const given = text && inputs[text.name];
  if (!given || given.dtype !== 'string' || !ids || others.length > 0)
    throw new StrataError(
      'invalid_model',
      'a model with text preprocessing has one BYTES input, and its graph one of ids',
    );
  return { [ids.name]: idsOf(given.data as string[], preprocess) };
}

function idsOf(texts: readonly string[], spec: HashedNgrams): Tensor {
  const { ids, shape } = hashNgramsBatch(texts, spec);
  return { dtype: 'int64', dims: shape, data: ids };
}
