import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobContext } from '@strata/contracts';
import { columnIndex, trainTestSplit, trainTokenizer } from '@strata/data';
import { StrataError } from '@strata/kernel';
import { turn } from '../../shared/cancel.js';
import { readColumn } from '../../shared/datasets.js';
import { TOKENIZER_FILE } from '../../shared/tokenizer.js';
import { textStatistics, vocabularyStatistics } from './statistics.js';
import type { TokenizerParams } from './tokenizer.recipe.js';

const UNKNOWN = ['[UNK]', '<unk>', '<UNK>'];

export async function run(ctx: JobContext, params: TokenizerParams): Promise<Record<string, unknown>> {
  const data = await ctx.dataset('data');
  const { validation_fraction: share } = params;
  ctx.progress({ step: 0, total: 3, phase: 'read' });
  const cells = await readColumn(ctx, data, columnIndex(data.format, params.text_column, 'params.text_column'));
  const texts = cells.filter((c) => c !== null);
  const held = share > 0 && texts.length > 1;
  const split = held ? trainTestSplit(texts.length, { testFraction: share, seed: ctx.seed }) : undefined;
  const pick = (at: Int32Array): string[] => Array.from(at, (i) => texts[i] as string);
  const train = split ? pick(split.train) : texts;
  if (train.length === 0)
    throw new StrataError('empty_data', `column "${params.text_column}" holds no text.`, {
      where: { column: params.text_column },
    });
  await turn(ctx.signal);
  ctx.progress({ step: 1, total: 3, phase: 'learn' });
  const began = performance.now();
  const tokenizer = trainTokenizer(train, {
    type: params.type,
    bpe_unit: params.bpe_unit,
    vocab_size: params.vocab_size,
    special_tokens: params.special_tokens,
    lowercase: params.lowercase,
    ...(params.min_frequency === null ? {} : { min_frequency: params.min_frequency }),
  });
  const train_s = (performance.now() - began) / 1000;
  await turn(ctx.signal);
  ctx.progress({ step: 2, total: 3, phase: 'measure' });
  const unknown = UNKNOWN.map((t) => tokenizer.tokenToId(t)).find((id) => id !== undefined);
  const measured = textStatistics(tokenizer, split ? pick(split.test) : train, unknown);
  await turn(ctx.signal);

  const path = join(ctx.workDir, TOKENIZER_FILE);
  await writeFile(path, JSON.stringify(tokenizer.json));
  await ctx.output.file('tokenizer', path, 'application/json');
  const figures = {
    vocab_size: tokenizer.vocabSize,
    fertility: measured.fertility,
    bytes_per_token: measured.bytes_per_token,
    unknown_share: measured.unknown_share,
  };
  ctx.metrics(1, figures);
  ctx.progress({ step: 3, total: 3 });
  await ctx.output.report('report', {
    type: params.type,
    measured_on: split ? 'held-out texts' : 'the texts that it was learned from',
    texts_learned: train.length,
    ...measured,
    vocabulary: vocabularyStatistics(tokenizer),
    train_s,
  });
  return figures;
}
