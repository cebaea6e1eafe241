import type { JobContext } from '@strata/contracts';
import { loadColumns, numbersOf, textsOf, trainTestSplit } from '@strata/data';
import { StrataError } from '@strata/kernel';
import { phases } from '@strata/training';
import { servedRows } from '../../shared/classifier-runs.js';
import { prefixed } from '../../shared/card.js';
import { modelBytes, writeModel } from '../../shared/export-model.js';
import { ngramsOf } from '../../shared/ngram-bag.js';
import { courseReport, finalMetrics } from '../../shared/report.js';
import { embeddingAnswers, saveModel } from '../../shared/save-model.js';
import type { TextEmbeddingParams } from './params.js';
import { encodePairs, pairsAt, scoresOf, textBatches, trainEmbedding, type EncodedPairs, type Pair } from './train.js';

/** Fewer pairs give a validation set too small to judge by, and more than MOST cost time without saying more: ranks take their square. */
const PAIRS_TO_VALIDATE = 500;
const MOST_VALIDATED = 1000;

export async function run(ctx: JobContext, params: TextEmbeddingParams): Promise<Record<string, unknown>> {
  const spec = ngramsOf(params);
  const read = async (input: string): Promise<EncodedPairs> => encodePairs(await readPairs(ctx, input, params), spec);
  const all = await read('train');
  const parts = ctx.has('valid') ? { train: all, valid: await read('valid') } : hold(all, params, ctx.seed);
  const trained = await (await phases(ctx)).last('fit', (c) => trainEmbedding(c, params, parts.train, parts.valid));
  const { fitted, graph, encoder, parameters } = trained;

  const bytes = modelBytes(graph, fitted.weights);
  const measured: Record<string, number> = {};
  const measure = async (set: string, pairs: EncodedPairs): Promise<void> => {
    const vectors = await servedRows(ctx, bytes, textBatches(pairs), 'embedding', params.embedding_dim);
    Object.assign(measured, prefixed(set, { ...scoresOf(vectors, pairs) }));
  };
  if (parts.valid) await measure('valid', parts.valid);
  if (ctx.has('test')) await measure('test', await read('test'));
  const metrics = finalMetrics(ctx, fitted, measured);

  await saveModel(ctx, await writeModel(ctx.workDir, bytes), {
    recipe: 'language/text-embedding',
    answers: embeddingAnswers(params.embedding_dim),
    inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }],
    target: null,
    preprocess: spec,
    metrics,
    params,
    parameters,
    opset: graph.opset,
    card: {
      title: { en: 'Text embedding', zh: '文本嵌入模型' },
      purpose: {
        en: 'Turns a text into a vector of length 1; texts that belong together have a large dot product.',
        zh: '把文本变成长度为 1 的向量；意义相关的文本，向量点积较大。',
      },
      target: params.positive_column,
      rows: trained.pairs,
    },
  });
  await ctx.output.report('report', {
    metrics,
    ngrams: encoder.idf.length - 1,
    pairs: trained.pairs,
    ...courseReport(fitted),
  });
  return { ...metrics, epochs: fitted.history.length, best_epoch: fitted.epoch, pairs: trained.pairs };
}

/** @throws StrataError `unknown_column`, `empty_data`, `invalid_data` for a weight that is none */
async function readPairs(ctx: JobContext, input: string, p: TextEmbeddingParams): Promise<Pair[]> {
  const { path, format } = await ctx.dataset(input);
  const optional = [p.group_column, p.weight_column].filter((c) => c !== '');
  const table = await loadColumns(path, format, {
    columns: [p.anchor_column, p.positive_column, ...optional],
    types: {
      [p.anchor_column]: 'text',
      [p.positive_column]: 'text',
      ...(p.group_column && { [p.group_column]: 'category' }),
      ...(p.weight_column && { [p.weight_column]: 'number' }),
    },
    signal: ctx.signal,
  });
  const anchors = textsOf(table, p.anchor_column);
  const positives = textsOf(table, p.positive_column);
  const groups = p.group_column ? textsOf(table, p.group_column) : [];
  const weights = p.weight_column ? numbersOf(table, p.weight_column) : undefined;
  const pairs: Pair[] = [];
  for (const [i, anchor] of anchors.entries()) {
    const positive = positives[i];
    if (!anchor?.trim() || !positive?.trim()) continue;
    const weight = weights?.[i];
    if (weight !== undefined && !(weight >= 0))
      throw new StrataError(
        'invalid_data',
        `line ${table.lines[i]}, column "${p.weight_column}": the weight of a pair must be 0 or more, and is ${Number.isNaN(weight) ? 'missing' : weight}.`,
        { where: { line: table.lines[i] ?? 0, column: p.weight_column } },
      );
    pairs.push({ anchor, positive, group: groups[i] ?? null, ...(weight === undefined ? {} : { weight }) });
  }
  if (pairs.length === 0)
    throw new StrataError('empty_data', `no row of "${input}" has both texts of a pair.`, {
      where: { column: p.anchor_column },
    });
  if (pairs.length < anchors.length)
    ctx.log.warn({}, `${anchors.length - pairs.length} rows of "${input}" lack a text and are left out`);
  return pairs;
}

/** Keeps a share of the pairs for validation. */
function hold(
  all: EncodedPairs,
  p: TextEmbeddingParams,
  seed: number,
): { train: EncodedPairs; valid: EncodedPairs | undefined } {
  const n = all.anchors.length;
  const usual = n < PAIRS_TO_VALIDATE ? 0 : Math.min(0.1, MOST_VALIDATED / n);
  const share = p.validation_fraction ?? usual;
  if (share === 0) return { train: all, valid: undefined };
  const split = trainTestSplit(n, { testFraction: share, seed });
  return { train: pairsAt(all, split.train), valid: pairsAt(all, split.test) };
}
