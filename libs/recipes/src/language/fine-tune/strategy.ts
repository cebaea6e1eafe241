import type { Localized } from '@strata/kernel';

export type Method = 'full' | 'head' | 'lora';

export interface Choice {
  readonly method: Method;
  readonly why: Localized;
}

export interface Facts {
  readonly asked: Method | 'auto';
  readonly hasBase: boolean;
  readonly rows: number;
  readonly classes: number;
}

/** Texts of a class below which even low-rank changes fit the few texts rather than the task. */
const FEW = 8;
/** Texts beyond which all weights can be trained without forgetting what the base knows. */
const MANY = 5000;

/**
 * Which weights to train. With few texts for each class only the head; with thousands of texts everything; in between low-rank changes, which train a few percent of the weights and come
 * close to full fine-tuning there (Hu et al. 2021, section 5). Without a base model there is nothing to keep: everything is trained.
 */
export function chooseMethod({ asked, hasBase, rows, classes }: Facts): Choice {
  const because = (method: Method, en: string, zh: string): Choice => ({ method, why: { en, zh } });
  if (asked !== 'auto') return because(asked, `the method ${asked} was asked for`, `按要求使用方法 ${asked}`);
  if (!hasBase)
    return because(
      'full',
      'there is no base model whose weights could be kept: all weights are trained',
      '没有可保留权重的基座模型，因此训练全部参数',
    );
  const perClass = Math.floor(rows / classes);
  if (perClass < FEW)
    return because(
      'head',
      `${rows} texts are about ${perClass} for each of ${classes} classes, fewer than ${FEW}: more than a new head would learn them by heart`,
      `共 ${rows} 条文本，${classes} 类每类约 ${perClass} 条，少于 ${FEW} 条：训练更多参数只会死记样本，故仅训练任务头`,
    );
  if (rows > MANY)
    return because(
      'full',
      `${rows} texts are more than ${MANY}, enough to train all weights`,
      `共 ${rows} 条文本，超过 ${MANY} 条，足以训练全部参数`,
    );
  return because(
    'lora',
    `${rows} texts are enough for more than a head (${FEW} for each class) and too few to move all weights safely (${MANY}): low-rank changes beside frozen weights`,
    `共 ${rows} 条文本，多于仅训练任务头所宜（每类 ${FEW} 条），又不足以稳妥地训练全部参数（${MANY} 条）：在冻结权重旁训练低秩增量`,
  );
}

/** Highest learning rates of AdamW: the fewer weights move, the faster they may. */
export function learningRateOf(method: Method, hasBase: boolean): number {
  if (!hasBase) return 1e-3;
  return { full: 5e-4, lora: 5e-3, head: 1e-2 }[method];
}
