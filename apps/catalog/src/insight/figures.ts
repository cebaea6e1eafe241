import { nodesOf, type CatalogMap, type MapNode } from '../map/map.js';
import { sourcesOf, type Insight, type Table } from './insight.js';

/** Figures with a tag, as rows of what they are evidence for. */
function figuresTable(map: CatalogMap, tag: string): Table {
  const figures = nodesOf(map, 'figure')
    .filter((f) => f.tags.includes(tag))
    .sort((a, b) => (b.figure?.value ?? 0) - (a.figure?.value ?? 0));
  const subject = (f: MapNode): string =>
    f.edges.find((e) => e.kind === 'evidence-for' && map.nodes.get(e.to)?.kind !== 'figure')?.to ?? f.slug;
  return {
    columns: [
      { key: 'entry', label: { en: 'Entry', zh: '条目' }, type: 'node' },
      { key: 'value', label: { en: 'Value', zh: '数值' }, type: 'number' },
      { key: 'unit', label: { en: 'Unit', zh: '单位' }, type: 'text' },
      { key: 'date', label: { en: 'As of', zh: '时间' }, type: 'text' },
      { key: 'figure', label: { en: 'Figure', zh: '数据' }, type: 'node' },
    ],
    rows: figures.flatMap((f) =>
      f.figure
        ? [
            [
              { node: subject(f) },
              f.figure.value,
              f.figure.unit,
              { en: f.figure.date, zh: f.figure.date },
              { node: f.slug },
            ],
          ]
        : [],
    ),
    sources: [...figures.map((f) => f.slug), ...sourcesOf(figures)],
  };
}

export const frameworkShares: Insight = {
  name: 'framework-shares',
  title: { en: 'Shares of frameworks', zh: '框架使用份额' },
  about: {
    en: 'Share of use of each framework that a source gives a figure for.',
    zh: '有来源数据的各框架使用份额。',
  },
  chart: 'bar',
  table: (map) => figuresTable(map, 'framework-share'),
};

export const modelsByDeveloper: Insight = {
  name: 'models-by-developer',
  title: { en: 'Large models in China by type of developer', zh: '国内大模型按研发机构类型的分布' },
  about: {
    en: 'Counts of models with at least a billion parameters by who developed them; the parts add up to the whole, which is checked when the map is built.',
    zh: '参数规模十亿以上的模型按研发方类型的数量；各部分之和等于总数，构建图谱时会校验。',
  },
  chart: 'pie',
  table: (map) => figuresTable(map, 'models-by-developer'),
};
