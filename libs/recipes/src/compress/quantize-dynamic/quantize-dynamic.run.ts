import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext, ModelHandle, ModelManifest } from '@strata/contracts';
import { quantizeDynamic, type QuantizeReport } from '@strata/compress';
import { toOnnx } from '@strata/graph';
import { loadOnnxFiles } from '@strata/graph/onnx';
import { openModel } from '@strata/serving';
import { turn } from '../../shared/cancel.js';
import { IR_VERSION } from '../../shared/export-model.js';
import { folderBytes } from '../../shared/model-rows.js';
import { compareModels, inventedBatches, rowBatches, type Agreement } from './agreement.js';

export interface QuantizeParams {
  readonly per_channel: boolean;
  readonly weight_type: 'int8' | 'uint8';
  readonly reduce_range: boolean;
  readonly min_elements: number;
  readonly exclude: string[];
  readonly check_rows: number;
  readonly tolerance: number;
  readonly text_column: string;
}

/** Copies what belongs to the model besides its graph, manifest and weight files, which are written anew. */
async function copyOthers(model: ModelHandle, dir: string, skip: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(model.dir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(model.dir.length + 1);
    if (!skip.has(name)) await cp(path, join(dir, name), { recursive: true });
  }
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);

function cardOf(before: ModelManifest, report: QuantizeReport, agreement: Agreement): ModelManifest['card'] {
  const n = report.quantized.length;
  const sizes = `${mib(report.bytesBefore)} MiB → ${mib(report.bytesAfter)} MiB`;
  const gap = Number(agreement.mean_difference.toPrecision(3));
  return {
    en: `${before.card.en}\n\n## Quantisation\n\n${n} tensors are stored in 8-bit integers; constants ${sizes}. Metrics above are those of the model before it. Mean difference from that model on ${agreement.rows} ${agreement.invented ? 'made-up' : 'real'} rows: ${gap}. Ranges are taken over each batch, so a prediction depends slightly on the rows beside it.`,
    zh: `${before.card.zh}\n\n## 量化\n\n${n} 个张量以 8 位整数存储；常量 ${sizes}。上述指标为量化前模型的指标。在 ${agreement.rows} 行${agreement.invented ? '构造' : '真实'}数据上与原模型的平均差异：${gap}。激活范围按批计算，因此预测会略受同批其他行影响。`,
  };
}

export async function run(ctx: JobContext, params: QuantizeParams): Promise<Record<string, unknown>> {
  const model = await ctx.model('model');
  await turn(ctx.signal);
  const source = loadOnnxFiles(join(model.dir, 'model.onnx'));
  ctx.progress({ step: 1, total: 3, phase: 'quantise' });
  const { graph, report } = quantizeDynamic(source.graph, {
    perChannel: params.per_channel,
    weightType: params.weight_type,
    reduceRange: params.reduce_range,
    minElements: params.min_elements,
    exclude: params.exclude,
  });
  if (report.quantized.length === 0)
    ctx.log.warn(
      { kept: report.kept.length },
      'No tensor was quantised, so the model stays as it is. Lower min_elements if its tensors are small.',
    );
  const dir = join(ctx.workDir, 'quantized');
  await mkdir(dir, { recursive: true });
  await copyOthers(model, dir, new Set(['model.onnx', 'model.json', ...source.files]));
  await writeFile(join(dir, 'model.onnx'), toOnnx(graph, { irVersion: IR_VERSION }));
  const manifest: ModelManifest = {
    ...model.manifest,
    recipe: 'compress/quantize-dynamic',
    recipe_version: 1,
    params: { ...model.manifest.params, quantize_dynamic: { ...params } },
    seed: ctx.seed,
    quantization: report.quantized.length > 0 ? 'dynamic-int8' : model.manifest.quantization,
  };
  await writeFile(join(dir, 'model.json'), JSON.stringify(manifest));

  await turn(ctx.signal);
  ctx.progress({ step: 2, total: 3, phase: 'check' });
  const before = await openModel(model.dir, { threads: ctx.threads });
  const after = await openModel(dir, { threads: ctx.threads });
  let agreement: Agreement;
  try {
    const real = ctx.has('data');
    const batches = real
      ? rowBatches(ctx, model, await ctx.dataset('data'), params)
      : inventedBatches(model.manifest, source.graph, params.check_rows, ctx.rng);
    agreement = await compareModels(ctx, before, after, batches, { invented: !real, tolerance: params.tolerance });
  } finally {
    await before.close();
    await after.close();
  }
  const bytes = { before: await folderBytes(model.dir), after: await folderBytes(dir) };
  await ctx.output.model('model', dir, { ...manifest, card: cardOf(model.manifest, report, agreement) });
  const figures = {
    tensors_quantized: report.quantized.length,
    bytes_before: report.bytesBefore,
    bytes_after: report.bytesAfter,
    compression_ratio: report.bytesAfter === 0 ? 1 : report.bytesBefore / report.bytesAfter,
    ...agreement,
  };
  await ctx.output.report('report', {
    ...figures,
    model_bytes_before: bytes.before,
    model_bytes_after: bytes.after,
    quantized: report.quantized.map((q) => ({
      node: q.node,
      op: q.op,
      weight: q.weight,
      dims: q.dims,
      bytes_before: q.bytesBefore,
      bytes_after: q.bytesAfter,
      max_error: q.maxError,
    })),
    kept: report.kept,
  });
  ctx.progress({ step: 3, total: 3 });
  ctx.metrics(1, {
    compression_ratio: figures.compression_ratio,
    mean_difference: agreement.mean_difference,
    max_difference: agreement.max_difference,
  });
  return figures;
}
