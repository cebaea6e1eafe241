import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type Datatype, ModelManifest, type TensorSpec } from '@strata/contracts';
import type { DType, Graph, ValueInfo } from '@strata/graph';
import { loadOnnx } from '@strata/graph/onnx';
import { StrataError } from '@strata/kernel';

export const MODEL_FILE = 'model.onnx';
export const MANIFEST_FILE = 'model.json';

const DATATYPES: Readonly<Partial<Record<DType, Datatype>>> = {
  bool: 'BOOL',
  int8: 'INT8',
  uint8: 'UINT8',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
};

const unfit = (message: string): StrataError =>
  new StrataError('invalid_model', message, { where: { file: MANIFEST_FILE } });

function specOf(value: ValueInfo): TensorSpec {
  const datatype = DATATYPES[value.dtype];
  if (!datatype)
    throw new StrataError('invalid_model', `"${value.name}" is of type ${value.dtype}, which Strata does not serve`, {
      where: { node: value.name },
    });
  return { name: value.name, datatype, shape: value.shape.map((d) => (typeof d === 'number' ? d : -1)) };
}

/** `ir_version`, field 1 of the ONNX `ModelProto`. */
function irVersion(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) return Number(reader.int64());
    reader.skip(wireType);
  }
  return 0;
}

async function given(dir: string): Promise<ModelManifest> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path.join(dir, MANIFEST_FILE), 'utf8'));
  } catch (cause) {
    throw new StrataError('invalid_model', `${MANIFEST_FILE} is not JSON: ${(cause as Error).message}`, {
      cause,
      where: { file: MANIFEST_FILE },
    });
  }
  const parsed = ModelManifest.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new StrataError('invalid_model', `${MANIFEST_FILE}: ${issue?.path.join('.')}: ${issue?.message}`, {
    where: { file: MANIFEST_FILE, field: issue?.path.join('.') ?? '' },
  });
}

/** The manifest promises tensors that the graph must have. With text preprocessing the graph takes n-gram ids in their place. */
function checkAgainst(graph: Graph, manifest: ModelManifest): void {
  const outputs = graph.outputs.map((o) => o.name);
  for (const { name } of manifest.outputs)
    if (!outputs.includes(name))
      throw unfit(`${MANIFEST_FILE} declares the output "${name}", and the model gives: ${outputs.join(', ')}`);
  if (manifest.preprocess) return;
  const inputs = graph.inputs.map((i) => i.name);
  const declared = manifest.inputs.map((i) => i.name);
  for (const name of declared)
    if (!inputs.includes(name))
      throw unfit(`${MANIFEST_FILE} declares the input "${name}", and the model takes: ${inputs.join(', ')}`);
  for (const name of inputs)
    if (!declared.includes(name)) throw unfit(`the model takes "${name}", which ${MANIFEST_FILE} does not declare`);
}

function derived(graph: Graph, ir: number): ModelManifest {
  let parameters = 0;
  for (const t of graph.initializers.values())
    if (t.dtype.startsWith('float') || t.dtype === 'bfloat16') parameters += t.data.length;
  return {
    format: 'strata-model/1',
    task: 'other',
    recipe: 'import/onnx',
    recipe_version: 1,
    inputs: graph.inputs.map(specOf),
    outputs: graph.outputs.map(specOf),
    labels: null,
    target: null,
    preprocess: null,
    metrics: {},
    params: {},
    seed: 0,
    parameters,
    opset: graph.opset,
    ir_version: ir,
    quantization: null,
    card: {
      en: `# ${graph.name}\n\nAn ONNX model that was uploaded as it is: ${graph.nodes.length} nodes, ${parameters} weights, operator set ${graph.opset}.\n`,
      zh: `# ${graph.name}\n\n直接上传的 ONNX 模型：${graph.nodes.length} 个节点，${parameters} 个权重，算子集版本 ${graph.opset}。\n`,
    },
  };
}

/**
 * Checks the `model.onnx` of a folder, and gives its manifest: that of `model.json`, or one made from the graph.
 * @throws StrataError `invalid_onnx`, `external_data_outside`, `invalid_model`
 */
export async function inspectModel(dir: string): Promise<ModelManifest> {
  const file = path.join(dir, MODEL_FILE);
  if (!existsSync(file))
    throw new StrataError('invalid_model', `there is no ${MODEL_FILE} at the top of the archive`, {
      where: { file: MODEL_FILE },
    });
  const graph = loadOnnx(file);
  if (!existsSync(path.join(dir, MANIFEST_FILE))) return derived(graph, irVersion(await readFile(file)));
  const manifest = await given(dir);
  checkAgainst(graph, manifest);
  return manifest;
}
