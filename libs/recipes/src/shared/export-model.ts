import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Datatype, ModelManifest } from '@strata/contracts';
import { bindParameters, optimizeGraph, toOnnx, type Graph } from '@strata/graph';
import { writeOnnx } from '@strata/graph/onnx';
import type { Weights } from '@strata/training';

export const IR_VERSION = 10;

const exported = (graph: Graph, weights: Weights): Graph =>
  optimizeGraph(bindParameters(graph, new Map(Object.entries(weights))));

/** The graph with its weights as constants, checked, as the bytes of an ONNX file. @throws StrataError `invalid_graph` */
export const modelBytes = (graph: Graph, weights: Weights): Uint8Array =>
  toOnnx(exported(graph, weights), { irVersion: IR_VERSION });

/**
 * Writes the graph with its weights as `model.onnx` into a fresh folder of the job's scratch space, and gives the folder. Weights of more than 1 GiB go to `model.onnx.data` beside it.
 * @throws StrataError `invalid_graph`
 */
export async function exportModel(workDir: string, graph: Graph, weights: Weights): Promise<string> {
  const dir = join(workDir, 'model');
  await mkdir(dir, { recursive: true });
  writeOnnx(join(dir, 'model.onnx'), exported(graph, weights), { irVersion: IR_VERSION });
  return dir;
}

/** Writes `model.onnx` into a fresh folder of the job's scratch space, and gives the folder. */
export async function writeModel(workDir: string, bytes: Uint8Array): Promise<string> {
  const dir = join(workDir, 'model');
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'model.onnx'), bytes);
  return dir;
}

const DATATYPE: Readonly<Record<string, Datatype>> = {
  float32: 'FP32',
  int64: 'INT64',
  int32: 'INT32',
  string: 'BYTES',
};

/** Inputs of the exported graph as the manifest declares them. */
export const tensorSpecs = (values: Graph['inputs']): ModelManifest['inputs'] =>
  values.map((v) => ({
    name: v.name,
    datatype: DATATYPE[v.dtype] ?? 'FP32',
    shape: v.shape.map((d) => (typeof d === 'number' ? d : -1)),
  }));
