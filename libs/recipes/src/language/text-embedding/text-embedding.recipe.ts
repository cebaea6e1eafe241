import { defineRecipe } from '@strata/contracts';
import { judgedInputs } from '../../shared/recipe-parts.js';
import { textEmbeddingParams } from './params.js';

/** What is asked, and what answers it, in two languages. */
const SUBJECTS: readonly (readonly [string, string])[] = [
  ['grows on trees', 'apples and pears'],
  ['树上长什么', '苹果和梨'],
  ['is dug from mines', 'iron and copper'],
  ['矿里挖什么', '铁矿和铜矿'],
  ['swims in the sea', 'herring and cod'],
  ['海里游什么', '鲱鱼和鳕鱼'],
];

/** Each pair with varying words around it, so that rows differ. */
const smokePairs = (): string =>
  [
    'anchor,positive',
    ...Array.from({ length: 96 }, (_, i) => `what ${SUBJECTS[i % 6]?.[0]} ${i},${SUBJECTS[i % 6]?.[1]} ${i % 7}`),
    '',
  ].join('\n');

export default defineRecipe({
  name: 'language/text-embedding',
  version: 1,
  queue: 'train',
  title: { en: 'Text embedding', zh: '文本嵌入' },
  summary: {
    en: 'Learns vectors of texts from pairs that belong together, for search by meaning: bags of hashed n-grams, trained with InfoNCE.',
    zh: '从成对的相关文本学习文本向量，用于语义检索：哈希 n-gram 词袋，以 InfoNCE 训练。',
  },
  catalog: ['self-supervised-learning', 'contrastive-learning'],
  params: textEmbeddingParams,
  inputs: {
    train: { kind: 'dataset', description: { en: 'Pairs of texts that belong together', zh: '成对的相关文本' } },
    ...judgedInputs({ en: 'Pairs', zh: '文本对' }),
  },
  outputs: {
    model: {
      kind: 'model',
      description: { en: 'The model, text in and vector out', zh: '嵌入模型：输入文本，输出向量' },
    },
    report: {
      kind: 'report',
      description: {
        en: 'Ranks of what was held back, and course of the training',
        zh: '预留文本对的检索名次与训练过程',
      },
    },
  },
  resumable: true,
  smoke: {
    params: { buckets: 512, embedding_dim: 8, epochs: 6, batch_size: 24 },
    inputs: { train: { format: 'csv', dataset: smokePairs } },
    falls: 'train_loss',
  },
  run: () => import('./text-embedding.run.js'),
});
