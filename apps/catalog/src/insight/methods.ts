import { METHOD_KINDS } from '@strata/map';
import { below, edgesAt } from '../map/graph.js';
import { nodesOf, nodesWhere, type CatalogMap, type MapNode } from '../map/map.js';
import { sourcesOf, type Cell, type Insight } from './insight.js';

const isMethod = (n: MapNode | undefined): n is MapNode =>
  n !== undefined && (METHOD_KINDS as readonly string[]).includes(n.kind) && n.kind !== 'algorithm-family';

/** Methods that an entry, or anything below it, contains, uses or is applied to. */
function methodsAt(map: CatalogMap, slug: string): Set<string> {
  const found = new Set<string>();
  for (const at of below(map, slug)) {
    if (isMethod(map.nodes.get(at))) found.add(at);
    for (const e of edgesAt(map, at)) {
      const other = map.nodes.get(e.from === at ? e.to : e.from);
      const used = e.kind === 'uses' && e.from === at;
      const applied = e.kind === 'applied-in' && e.to === at;
      if ((used || applied) && isMethod(other)) found.add(other.slug);
    }
  }
  return found;
}

/** Stages that contain no other stage: the steps of the main path. */
const stagesOf = (map: CatalogMap): MapNode[] =>
  nodesOf(map, 'stage').filter(
    (s) => !s.edges.some((e) => e.kind === 'contains' && map.nodes.get(e.to)?.kind === 'stage'),
  );

export const stageApplicationMatrix: Insight = {
  name: 'algorithms-by-stage-and-application',
  title: { en: 'Algorithms by stage and application', zh: '按开发阶段与应用划分的算法' },
  about: {
    en: 'How many methods of each stage of development are also used in each application, directly or by what they are made of.',
    zh: '每个开发阶段的方法中，有多少直接或经其组成部分用于各类应用。',
  },
  chart: 'matrix',
  table(map) {
    const applications = nodesOf(map, 'application').map((a) => ({ node: a, methods: methodsAt(map, a.slug) }));
    const stages = stagesOf(map).map((s) => ({ node: s, methods: methodsAt(map, s.slug) }));
    // what a method is built on counts for the application too: a step of two edges, "uses" and "trained-by"
    const reach = (methods: ReadonlySet<string>): Set<string> => {
      const all = new Set(methods);
      for (const slug of all)
        for (const e of map.nodes.get(slug)?.edges ?? [])
          if ((e.kind === 'uses' || e.kind === 'trained-by' || e.kind === 'contains') && isMethod(map.nodes.get(e.to)))
            all.add(e.to);
      return all;
    };
    const reached = applications.map((a) => reach(a.methods));
    const rows: Cell[][] = stages.map((s) => [
      { node: s.node.slug },
      ...reached.map((r) => [...s.methods].filter((m) => r.has(m)).length),
    ]);
    const counted = stages.flatMap((s) => [...s.methods].filter((m) => reached.some((r) => r.has(m))));
    return {
      columns: [
        { key: 'stage', label: { en: 'Stage', zh: '阶段' }, type: 'node' },
        ...applications.map((a) => ({ key: a.node.slug, label: a.node.name, type: 'number' as const })),
      ],
      rows,
      sources: sourcesOf([...new Set(counted)].flatMap((s) => map.nodes.get(s) ?? [])),
    };
  },
};

export const trendTimeline: Insight = {
  name: 'trend-timeline',
  title: { en: 'Timeline of methods behind the technical trends', zh: '技术趋势背后方法的时间线' },
  about: {
    en: 'The year in which each method was first published, with the trend or family that it belongs to.',
    zh: '各方法首次发表的年份及其所属的趋势或类别。',
  },
  chart: 'timeline',
  table(map) {
    const group = (n: MapNode): string =>
      map.incoming(n.slug).find((e) => e.kind === 'contains' && map.nodes.get(e.from)?.kind === 'trend')?.from ??
      n.edges.find((e) => e.kind === 'subset-of')?.to ??
      map.incoming(n.slug).find((e) => e.kind === 'contains')?.from ??
      n.slug;
    const dated = nodesWhere(map, (n) => isMethod(n) && n.facets.since !== undefined).sort(
      (a, b) => (a.facets.since ?? 0) - (b.facets.since ?? 0) || (a.slug < b.slug ? -1 : 1),
    );
    return {
      columns: [
        { key: 'year', label: { en: 'Year', zh: '年份' }, type: 'number' },
        { key: 'method', label: { en: 'Method', zh: '方法' }, type: 'node' },
        { key: 'group', label: { en: 'Trend or family', zh: '趋势或类别' }, type: 'node' },
      ],
      rows: dated.map((n) => [n.facets.since ?? 0, { node: n.slug }, { node: group(n) }]),
      sources: sourcesOf(dated),
    };
  },
};
