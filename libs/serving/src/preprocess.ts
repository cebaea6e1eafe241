import type { HashedNgrams, ImagePreprocess, ModelManifest, TokenizerPreprocess } from '@strata/contracts';
import { encodeWithin, hashNgramsBatch, loadTokenizer, padTokens } from '@strata/data';
import { isStrataError, StrataError } from '@strata/kernel';
import type { Tensor } from '@strata/runtime';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pixelValues } from './preprocess-image.js';

type Tensors = Readonly<Record<string, Tensor>>;

/** What the graph takes, made of what a caller gives; `extra` are outputs that preprocessing itself knows. */
export interface Prepared {
  readonly feeds: Tensors;
  readonly extra?: Tensors;
}
export type Prepare = (inputs: Tensors) => Prepared | Promise<Prepared>;

/** Names and ranks of the graph's own inputs. */
type GraphInputs = readonly { readonly name: string }[];

const broken = (message: string, cause?: unknown): StrataError =>
  new StrataError('invalid_model', message, cause === undefined ? {} : { cause });

/** The texts (or base64 pictures) of the model's one BYTES input. */
function textsOf(manifest: ModelManifest, inputs: Tensors): readonly string[] {
  const [text, ...others] = manifest.inputs;
  const given = text && inputs[text.name];
  if (!given || given.dtype !== 'string' || others.length > 0)
    throw broken('a model with preprocessing has one BYTES input, and declares it in model.json');
  return given.data as string[];
}

function ngrams(manifest: ModelManifest, spec: HashedNgrams, graph: GraphInputs): Prepare {
  const [ids, ...others] = graph;
  if (!ids || others.length > 0) throw broken('a model of n-grams has one input, their ids, in its graph');
  return (inputs) => {
    const { ids: data, shape } = hashNgramsBatch(textsOf(manifest, inputs), spec);
    return { feeds: { [ids.name]: { dtype: 'int64', dims: shape, data } } };
  };
}

/** Output of token classification that preprocessing fills in: where in its text each token stands. */
export const OFFSETS = 'offsets';

async function tokens(
  dir: string,
  manifest: ModelManifest,
  spec: TokenizerPreprocess,
  graph: GraphInputs,
): Promise<Prepare> {
  const file = path.resolve(dir, spec.file);
  if (!file.startsWith(path.resolve(dir) + path.sep))
    throw broken(`the tokenizer "${spec.file}" lies outside the model's folder`);
  const json = await readFile(file, 'utf8').catch((e: unknown) => {
    throw broken(`the model's tokenizer "${spec.file}" cannot be read: it must lie beside model.onnx`, e);
  });
  const tokenizer = ((): ReturnType<typeof loadTokenizer> => {
    try {
      return loadTokenizer(json);
    } catch (e) {
      throw broken(isStrataError(e) ? e.message : `the model's tokenizer "${spec.file}" is broken`, e);
    }
  })();
  const names = new Set(graph.map((i) => i.name));
  for (const name of names)
    if (name !== 'input_ids' && name !== 'attention_mask')
      throw broken(`the graph takes "${name}"; after a tokenizer it takes input_ids and attention_mask`);
  if (!names.has('input_ids')) throw broken('the graph takes no input_ids');
  const wantsOffsets = manifest.outputs.some((o) => o.name === OFFSETS);
  return (inputs) => {
    const rows = textsOf(manifest, inputs).map((t) => encodeWithin(tokenizer, t, spec.max_length));
    const { ids, mask, shape } = padTokens(
      rows.map((r) => r.ids),
      spec.pad_id,
    );
    const feeds: Record<string, Tensor> = { input_ids: { dtype: 'int64', dims: shape, data: ids } };
    if (names.has('attention_mask')) feeds['attention_mask'] = { dtype: 'int64', dims: shape, data: mask };
    if (!wantsOffsets) return { feeds };
    const [, L] = shape;
    const places = new BigInt64Array(rows.length * L * 2);
    rows.forEach((r, n) => r.offsets.forEach((o, i) => void (places[n * L * 2 + i] = BigInt(o))));
    return { feeds, extra: { [OFFSETS]: { dtype: 'int64', dims: [...shape, 2], data: places } } };
  };
}

function pictures(manifest: ModelManifest, spec: ImagePreprocess, graph: GraphInputs): Prepare {
  const [values, ...others] = graph;
  if (!values || others.length > 0) throw broken('a model of pictures has one input, their pixels, in its graph');
  const field = manifest.inputs[0]?.name ?? 'image';
  return async (inputs) => ({
    feeds: { [values.name]: await pixelValues(textsOf(manifest, inputs), spec, field) },
  });
}

/** @throws StrataError `invalid_model` */
export async function preprocessOf(dir: string, manifest: ModelManifest, graph: GraphInputs): Promise<Prepare> {
  const { preprocess } = manifest;
  switch (preprocess?.kind) {
    case undefined:
      return (inputs) => ({ feeds: inputs });
    case 'hashed-ngrams':
      return ngrams(manifest, preprocess, graph);
    case 'tokenizer':
      return tokens(dir, manifest, preprocess, graph);
    case 'image':
      return pictures(manifest, preprocess, graph);
  }
}
