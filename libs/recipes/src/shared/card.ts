import type { Localized } from '@strata/kernel';

export interface CardFacts {
  readonly title: Localized;
  /** What the model does, one sentence each. */
  readonly purpose: Localized;
  readonly target: string;
  readonly rows: number;
  readonly inputs: readonly string[];
  readonly classes?: readonly string[];
  readonly parameters: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly recipe: string;
  readonly seed: number;
}

const MOST = 20;
const listed = (names: readonly string[], more: string): string =>
  names
    .slice(0, MOST)
    .map((n) => `\`${n}\``)
    .join(', ') + (names.length > MOST ? ` ${more.replace('#', String(names.length - MOST))}` : '');

/** Model card (Mitchell et al. 2019) in both languages, from figures alone: nothing in it depends on when or where it was written. */
export function modelCard(f: CardFacts): Localized {
  const table = (head: string): string =>
    [
      head,
      '| --- | --- |',
      ...Object.entries(f.metrics).map(([k, v]) => `| ${k} | ${Number(v.toPrecision(5))} |`),
    ].join('\n');
  return {
    en: [
      `# ${f.title.en}`,
      f.purpose.en,
      `- Target: \`${f.target}\`${f.classes ? ` with ${f.classes.length} classes: ${listed(f.classes, 'and # more')}` : ''}`,
      `- Inputs: ${listed(f.inputs, 'and # more')}`,
      `- Trained on ${f.rows} rows; ${f.parameters} parameters; recipe \`${f.recipe}\`, seed ${f.seed}`,
      '',
      table('| metric | value |'),
      '',
      'The figures hold for data like the training data. Check them on your own data, and for groups that the data may describe badly, before decisions depend on them.',
    ].join('\n'),
    zh: [
      `# ${f.title.zh}`,
      f.purpose.zh,
      `- 目标列：\`${f.target}\`${f.classes ? `，共 ${f.classes.length} 类：${listed(f.classes, '等（另有 # 类）')}` : ''}`,
      `- 输入：${listed(f.inputs, '等（另有 # 列）')}`,
      `- 训练数据 ${f.rows} 行；参数 ${f.parameters} 个；配方 \`${f.recipe}\`，随机种子 ${f.seed}`,
      '',
      table('| 指标 | 数值 |'),
      '',
      '以上指标只对与训练数据相似的数据成立。在据此做出决定之前，请在自己的数据上核对，并留意数据中代表性不足的群体。',
    ].join('\n'),
  };
}

/** Only the metrics that are numbers: JSON has no NaN. */
export const finite = (metrics: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(metrics).filter(([, v]) => Number.isFinite(v)));

/** The metrics under names that begin with the data they were measured on: `test_accuracy`. */
export const prefixed = (prefix: string, metrics: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(finite(metrics)).map(([k, v]) => [`${prefix}_${k}`, v]));
