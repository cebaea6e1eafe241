import type { Localized } from '@strata/kernel';

// Words that recipes share: inputs and outputs of those that learn from `train` and are judged.

/** The optional inputs `valid` and `test`. `rows`: what they hold, as the first word of a sentence. */
export const judgedInputs = (rows: Localized) => ({
  valid: {
    kind: 'dataset' as const,
    optional: true as const,
    description: {
      en: `${rows.en} that decide when to stop; else a part of train`,
      zh: `用于早停的验证${rows.zh}；缺省时取自训练数据`,
    },
  },
  test: {
    kind: 'dataset' as const,
    optional: true as const,
    description: {
      en: `${rows.en} that only the final model is measured on`,
      zh: `仅用于评估最终模型的测试${rows.zh}`,
    },
  },
});

export const ROWS: Localized = { en: 'Rows', zh: '数据' };

/** The outputs of a classifier. */
export const CLASSIFIER_OUTPUTS = {
  model: { kind: 'model', description: { en: 'The classifier', zh: '分类模型' } },
  report: {
    kind: 'report',
    description: { en: 'Metrics, confusion matrix and course of the training', zh: '指标、混淆矩阵与训练过程' },
  },
} as const;
