import { join } from 'node:path';
import type { JobContext } from '@strata/contracts';
import type { Tokenizer } from '@strata/data';
import { parameterCount } from '@strata/graph';
import type { Rng } from '@strata/kernel';
import type { TransformerConfig } from '@strata/nn';
import { createSession, float32Of, tensor } from '@strata/runtime';
import { buildTrainStep, createEvaluator, fit, gatherIds, type Batches } from '@strata/training';
import { turn } from '../../shared/cancel.js';
import { finite } from '../../shared/card.js';
import { exportModel, tensorSpecs } from '../../shared/export-model.js';
import { readCorpus, requireTokens, type Tokens } from '../transformer/corpus.js';
import { saveLanguageModel } from '../transformer/save.js';
import { configOf, evenly, optimizerOf, scheduleOf } from '../transformer/training.js';
import { causalCosts, causalExport, causalLoss } from './causal-lm.model.js';
import type { CausalLmParams } from './causal-lm.recipe.js';

const SPECIAL: Readonly<Record<CausalLmParams['tokenizer'], readonly string[]>> = {
  char: ['<unk>'],
  bpe: ['<|endoftext|>'],
  wordpiece: ['[UNK]'],
  unigram: ['<unk>'],
  word: ['[UNK]'],
};

export async function run(ctx: JobContext, params: CausalLmParams): Promise<Record<string, unknown>> {
  const { tokenizer, train, valid } = await readCorpus(ctx, params, SPECIAL[params.tokenizer]);
  const { block_size: length, batch_size: batch } = params;
  requireTokens(train, length + batch, 'training');
  if (params.validation_fraction > 0) requireTokens(valid, length + 1, 'validation');
  const config = configOf(params, tokenizer.vocabSize);
  const step = buildTrainStep((b) => causalLoss(b, config, batch), {
    optimizer: optimizerOf(params),
    ...(params.max_grad_norm > 0 ? { clipNorm: params.max_grad_norm } : {}),
  });
  // every place where a sequence can begin is a row; whole batches only, because the graph's sizes are fixed
  const places = train.ids.length - length;
  const data = sequences(train, length, 1, places - (places % batch));
  const held = sequences(valid, length, length, Math.floor((valid.ids.length - 1) / length));
  const some = evenly(held, params.eval_windows);
  const evaluator =
    held.rows > 0
      ? await createEvaluator(causalCosts(config), { threads: ctx.threads, device: ctx.device.kind })
      : null;
  const mean = (costs: Float32Array): number => costs.reduce((s, c) => s + c, 0) / costs.length;
  try {
    const fitted = await fit({
      ctx,
      step,
      data,
      batchSize: batch,
      accumulate: params.gradient_accumulation_steps,
      maxSteps: params.max_steps,
      schedule: scheduleOf(params),
      validateEvery: params.eval_interval,
      ...(evaluator
        ? {
            validation: {
              evaluator,
              data: some,
              output: 'cost',
              batchSize: batch,
              score: (costs: Float32Array) => ({ valid_loss: mean(costs) }),
            },
          }
        : {}),
    });
    const losses: Record<string, number> = { train_loss: fitted.history.at(-1)?.train_loss ?? NaN };
    if (evaluator) {
      losses['valid_loss'] = mean(await evaluator.run(fitted.weights, held, 'cost', batch));
      losses['valid_perplexity'] = Math.exp(losses['valid_loss']);
    }
    const metrics = finite(losses);
    ctx.metrics(fitted.steps, metrics);

    const graph = causalExport(config);
    const dir = await exportModel(ctx.workDir, graph, fitted.weights);
    const parameters = parameterCount(step.parameters);
    await saveLanguageModel(ctx, dir, tokenizer, {
      recipe: 'language/causal-lm',
      answers: { task: 'causal-lm', outputs: tensorSpecs(graph.outputs), labels: null },
      inputs: tensorSpecs(graph.inputs.filter((i) => i.name === 'input_ids')),
      metrics,
      params,
      parameters,
      opset: graph.opset,
      card: {
        title: { en: 'Causal language model', zh: '因果语言模型' },
        purpose: {
          en: `Gives the probabilities of the next token after up to ${length} tokens. Ids are those of \`tokenizer.json\`.`,
          zh: `根据至多 ${length} 个词元给出下一个词元的概率，词元编号见 \`tokenizer.json\`。`,
        },
        target: 'next token',
        rows: train.ids.length,
        inputs: ['input_ids'],
      },
    });
    const text = await sample(ctx, join(dir, 'model.onnx'), config, tokenizer, train, params);
    await ctx.output.report('report', {
      metrics,
      history: fitted.history,
      tokens: { train: train.ids.length, valid: valid.ids.length, vocabulary: tokenizer.vocabSize },
      parameters,
      sample: text,
    });
    return { ...metrics, steps: fitted.steps, parameters, vocab_size: tokenizer.vocabSize };
  } finally {
    await evaluator?.release();
  }
}

/** Sequence r: `length` tokens from token r · stride on, and those that follow them. */
function sequences(tokens: Tokens, length: number, stride: number, rows: number): Batches {
  const gather = (at: Int32Array, shift: number) => {
    const ids = new Int32Array(at.length * length);
    at.forEach((row, i) =>
      ids.set(tokens.ids.subarray(row * stride + shift, row * stride + shift + length), i * length),
    );
    return gatherIds(ids, length, Int32Array.from(at.keys()));
  };
  return { rows: Math.max(0, rows), feeds: (at) => ({ input_ids: gather(at, 0), labels: gather(at, 1) }) };
}

/** Text written by the exported model after the first line of the training text. */
async function sample(
  ctx: JobContext,
  model: string,
  config: TransformerConfig,
  tokenizer: Tokenizer,
  train: Tokens,
  p: CausalLmParams,
): Promise<string> {
  if (p.sample_tokens === 0) return '';
  const rng = ctx.rng.fork('sample');
  const ids = [...train.ids.subarray(0, 1)];
  const session = await createSession(model, { threads: ctx.threads });
  try {
    for (let i = 0; i < p.sample_tokens; i++) {
      if (i % 16 === 0) await turn(ctx.signal);
      const context = ids.slice(-config.block_size);
      const out = await session.run({ input_ids: tensor.int64(context, [1, context.length]) }, ['logits']);
      ids.push(draw(float32Of(out['logits'], 'logits').subarray(-config.vocab_size), p.sample_temperature, rng));
    }
  } finally {
    await session.release();
  }
  return tokenizer.decode(ids);
}

/** An index with the probabilities softmax(logits / temperature). */
export function draw(logits: Float32Array, temperature: number, rng: Rng): number {
  const most = logits.reduce((m, v) => Math.max(m, v), -Infinity);
  if (temperature === 0) return logits.indexOf(most);
  const weights = Float64Array.from(logits, (v) => Math.exp((v - most) / temperature));
  let left = rng.next() * weights.reduce((s, w) => s + w, 0);
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i] as number;
    if (left < 0) return i;
  }
  return weights.length - 1;
}
