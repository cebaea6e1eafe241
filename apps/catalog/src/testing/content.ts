import { parseContent, type Parsed } from '@strata/map';

/** Content of a small map, as a content file holds it. */
export const SMALL = `
- slug: layer
  kind: layer
  name: { en: The layer, zh: 技术层面 }
  summary: { en: The whole., zh: 整体。 }
  body: { en: The whole., zh: 整体。 }
  edges: { contains: [algorithms] }
- slug: algorithms
  kind: section
  name: { en: Algorithms, zh: 主流算法 }
  summary: { en: Methods., zh: 各种方法。 }
  body: { en: Methods., zh: 各种方法。 }
  edges: { contains: [machine-learning, tuning] }
- slug: machine-learning
  kind: algorithm-family
  name: { en: Machine learning, zh: 机器学习 }
  aliases: { en: [ML], zh: [统计学习] }
  summary: { en: Programs fitted to data., zh: 由数据拟合的程序。 }
  body: { en: Programs fitted to data., zh: 由数据拟合的程序。 }
  tags: [core]
  facets: { since: 1959 }
- slug: deep-learning
  kind: algorithm-family
  name: { en: Deep learning, zh: 深度学习 }
  summary: { en: Networks of many layers., zh: 多层网络。 }
  body: { en: Networks of many layers., zh: 多层网络。 }
  tags: [core]
  edges: { subset-of: [machine-learning], contains: [transformer] }
- slug: transformer
  kind: algorithm
  runnable: true
  name: { en: Transformer, zh: 变换器 }
  summary: { en: Attention over a sequence., zh: 序列上的注意力。 }
  body: { en: Attention over a sequence., zh: 序列上的注意力。 }
  facets: { since: 2017 }
  method:
    formula: softmax(Q K^T / \\sqrt{d}) V
    inputs: { en: A sequence., zh: 一个序列。 }
    outputs: { en: A sequence., zh: 一个序列。 }
    when: { en: For sequences., zh: 处理序列。 }
    complexity: { en: O(n²) for n tokens., zh: n 个词元为 O(n²)。 }
  references: [source-attention]
  edges: { applied-in: [translation] }
- slug: tuning
  kind: stage
  name: { en: Fine-tuning, zh: 微调 }
  summary: { en: Training further., zh: 继续训练。 }
  body: { en: Training further., zh: 继续训练。 }
  edges: { contains: [late-tuning] }
- slug: late-tuning
  kind: step
  name: { en: Late tuning, zh: 后期微调 }
  summary: { en: The end of it., zh: 微调的收尾。 }
  body: { en: The end of it., zh: 微调的收尾。 }
- slug: lora
  kind: technique
  runnable: true
  name: { en: LoRA, zh: 低秩适配 }
  summary: { en: Small changes beside frozen weights., zh: 冻结权重旁的小改动。 }
  body: { en: Small changes beside frozen weights., zh: 冻结权重旁的小改动。 }
  edges: { applied-in: [late-tuning], improves: [full-tuning], uses: [transformer] }
- slug: full-tuning
  kind: technique
  runnable: true
  name: { en: Full tuning, zh: 全参数微调 }
  summary: { en: All weights., zh: 训练全部参数。 }
  body: { en: All weights., zh: 训练全部参数。 }
  edges: { applied-in: [tuning], alternative-to: [lora] }
- slug: translation
  kind: task
  name: { en: Translation, zh: 翻译 }
  summary: { en: From one language to another., zh: 从一种语言到另一种语言。 }
  body: { en: From one language to another., zh: 从一种语言到另一种语言。 }
- slug: source-attention
  kind: source
  name: { en: "Vaswani et al. 2017", zh: Vaswani 等 2017 }
  summary: { en: Introduces it., zh: 首次提出。 }
  citation: { title: Attention Is All You Need, authors: "Vaswani, A. et al.", year: 2017, arxiv: "1706.03762" }
`;

export const small = (): Parsed => parseContent(SMALL, 'small.yaml');

/** One entry of a tenant's own as a content file holds it. */
export const ownEntry = (slug: string, more = 'edges: { uses: [lora] }'): string => `- slug: ${slug}
  kind: task
  name: { en: ${slug}, zh: 我的 ${slug} }
  summary: { en: One of mine., zh: 我自己的条目。 }
  body: { en: One of mine., zh: 我自己的条目。 }
  ${more}
`;
