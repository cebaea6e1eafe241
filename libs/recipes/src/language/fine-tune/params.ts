import { z } from 'zod';
import { activation, dataParams, modelParams } from '../transformer/params.js';

const count = (least: number, most: number) => z.number().int().min(least).max(most);

export const LORA_TARGETS = ['tokens', 'qkv', 'out', 'up', 'gate', 'down'] as const;

export const fineTuneParams = z.strictObject({
  text_column: z.string().min(1).default('text').describe('Column with the texts'),
  target: z.string().min(1).default('label').describe('Column with the classes'),
  method: z
    .enum(['auto', 'full', 'head', 'lora'])
    .default('auto')
    .describe(
      'What is trained: full, all weights; head, only the new layer on top; lora, small low-rank changes beside frozen weights; auto chooses from the size of the data and says why',
    ),
  pooling: z
    .enum(['auto', 'mean', 'last'])
    .default('auto')
    .describe(
      'What stands for a text: the mean of its tokens or the last one; auto: the mean, for a causal model the last',
    ),
  lora_rank: count(1, 512).default(8).describe('Rank of the low-rank changes'),
  lora_alpha: z.number().positive().max(1024).default(8).describe('The change is scaled by lora_alpha / lora_rank'),
  lora_dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0.05)
    .describe('Share of the input of a low-rank change that a step leaves out'),
  lora_targets: z
    .array(z.enum(LORA_TARGETS))
    .min(1)
    .default(['tokens'])
    .describe(
      'Layers that get low-rank changes: tokens, the table of embeddings; qkv and out of attention; up, gate and down of the feed-forward layers',
    ),
  max_length: count(1, 8192)
    .nullable()
    .default(null)
    .describe('Tokens kept of a text; null: as many as the model takes'),
  dropout: z.number().min(0).lt(1).default(0.1).describe('Share of activations that a training step leaves out'),
  learning_rate: z
    .number()
    .positive()
    .max(10)
    .nullable()
    .default(null)
    .describe('Highest learning rate (AdamW); null: one that suits the method'),
  lr_scheduler: z.enum(['linear', 'cosine', 'constant']).default('linear').describe('Course of the learning rate'),
  warmup_ratio: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.1)
    .describe('Share of the steps over which the learning rate rises'),
  weight_decay: z.number().min(0).max(10).default(0.01).describe('Decoupled weight decay of matrices'),
  max_grad_norm: z
    .number()
    .min(0)
    .default(1)
    .describe('Gradients are scaled down when their joint norm is larger; 0: never'),
  epochs: count(1, 10_000).default(10).describe('Passes over the data at most'),
  batch_size: count(1, 4096).default(16).describe('Texts of a step'),
  label_smoothing: z.number().min(0).lt(1).default(0).describe('Share of a target that is spread over all classes'),
  class_weight: z
    .enum(['balanced'])
    .nullable()
    .default(null)
    .describe('balanced: rare classes count as much as frequent ones; null: every text counts the same'),
  validation_fraction: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.1)
    .describe('Share of the training texts kept for validation when no validation set is given; 0: none'),
  early_stopping: z
    .boolean()
    .default(true)
    .describe('Stop when the validation accuracy no longer rises, and keep the best weights'),
  n_iter_no_change: count(1, 1000).default(6).describe('Epochs without a better validation accuracy that stop it'),
  tol: z.number().min(0).default(0).describe('A validation accuracy counts as better when it rises by more than this'),
  tokenizer: dataParams.tokenizer.describe(
    'Without a base model: kind of tokenizer that is learned from the training texts',
  ),
  vocab_size: dataParams.vocab_size.describe('Without a base model: most tokens that the tokenizer learns'),
  block_size: count(2, 8192).default(128).describe('Without a base model: longest text in tokens'),
  n_layer: modelParams.n_layer.default(2).describe('Without a base model: transformer blocks'),
  n_head: modelParams.n_head.describe('Without a base model: attention heads'),
  n_embd: modelParams.n_embd.describe('Without a base model: width of the model, a multiple of n_head'),
  activation: activation.default('gelu').describe('Without a base model: function inside the feed-forward layers'),
});
export type FineTuneParams = z.output<typeof fineTuneParams>;
