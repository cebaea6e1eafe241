import { defineRecipe } from '@strata/contracts';
import { sequenceTaggerParams } from './params.js';

const PEOPLE = ['Ada Lovelace', 'Alan Turing', 'Grace', 'Yann', '李 明', '王 芳'];
const PLACES = ['Paris', 'New York', 'Oslo', '北京', '上海'];
/** Sentences with a person and a place, a token and its tag on a line. */
const smokeSentences = (): string =>
  Array.from({ length: 72 }, (_, i) => {
    const tag = (name: string, type: string): string =>
      name
        .split(' ')
        .map((w, k) => `${w}\t${k === 0 ? 'B' : 'I'}-${type}\n`)
        .join('');
    const plain = (words: string): string => tagPlain(words);
    return `${tag(PEOPLE[i % 6] ?? '', 'person')}${plain(i % 2 ? 'lives in' : 'came to')}${tag(PLACES[i % 5] ?? '', 'place')}${plain(`${i} .`)}\n`;
  }).join('');
const tagPlain = (words: string): string =>
  words
    .split(' ')
    .map((w) => `${w}\tO\n`)
    .join('');

export default defineRecipe({
  name: 'sequence/tagger',
  version: 2,
  queue: 'train',
  title: { en: 'Recurrent tagger', zh: '循环网络序列标注器' },
  summary: {
    en: 'Gives every word of a sentence a tag with an RNN, GRU or LSTM that reads both ways: names, parts of speech, word boundaries.',
    zh: '用双向 RNN、GRU 或 LSTM 为句子中的每个词打标签：实体名、词性、分词边界等。',
  },
  catalog: [
    'rnn',
    'gru',
    'lstm',
    'build-recurrent',
    'sequence-labelling',
    'supervised-learning',
    'named-entity-recognition',
    'dropout',
    'weight-decay',
  ],
  params: sequenceTaggerParams,
  inputs: {
    train: {
      kind: 'dataset',
      description: {
        en: 'Sentences with a tag for each word (CoNLL, or columns tokens and tags)',
        zh: '逐词带标签的句子（CoNLL 文件，或 tokens 与 tags 两列）',
      },
    },
    valid: {
      kind: 'dataset',
      optional: true,
      description: {
        en: 'Sentences that decide when to stop; else a part of train',
        zh: '用于早停的验证句子；缺省时取自训练数据',
      },
    },
    test: {
      kind: 'dataset',
      optional: true,
      description: { en: 'Sentences that only the final model is measured on', zh: '仅用于评估最终模型的测试句子' },
    },
  },
  outputs: {
    model: { kind: 'model', description: { en: 'The tagger with its tokenizer', zh: '标注模型及其分词器' } },
    report: { kind: 'report', description: { en: 'Metrics and course of the training', zh: '指标与训练过程' } },
  },
  resumable: true,
  smoke: {
    params: {
      embedding_dim: 8,
      hidden_size: 8,
      epochs: 4,
      batch_size: 12,
      vocab_size: 200,
      learning_rate: 0.02,
      validation_fraction: 0.2,
    },
    inputs: { train: { format: 'conll', dataset: smokeSentences } },
    falls: 'train_loss',
  },
  reference: {
    metric: 'test_f1',
    value: 0.176,
    tolerance: 0.03,
    data: 'wnut17-ner, its own development and test files; the best system of the shared task, with outside word vectors, reached 0.419',
    command:
      'npm run strata -- submit sequence/tagger --input train=train.conll --input valid=dev.conll --input test=test.conll --seed 1 --watch',
    date: '2026-11-26',
    hardware: '2 shared x86-64 cores, CPU',
    commit: 'd1630c4',
  },
  run: () => import('./tagger.run.js'),
});
