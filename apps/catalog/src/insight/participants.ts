import { nodesOf, type CatalogMap, type MapNode } from '../map/map.js';
import { sourcesOf, type Insight } from './insight.js';

const ACTORS: readonly MapNode['kind'][] = ['organisation', 'model', 'product', 'framework', 'platform', 'community'];

/** Members of a class: what it contains or offers, over classes inside it, and what organisations inside it offer. */
function members(map: CatalogMap, of: string): MapNode[] {
  const found = new Set([of]);
  for (const slug of found)
    for (const e of map.nodes.get(slug)?.edges ?? []) if (e.kind === 'contains' || e.kind === 'offers') found.add(e.to);
  return [...found].flatMap((s) => {
    const node = map.nodes.get(s);
    return node && ACTORS.includes(node.kind) ? [node] : [];
  });
}

/** Classes that no other class with members stands between them and what they hold: the five of the map. */
const leaves = (map: CatalogMap): MapNode[] =>
  nodesOf(map, 'participant-class').filter((c) => {
    const parents = map.incoming(c.slug).filter((e) => e.kind === 'contains');
    const aboveAreFrames = parents.every((e) => {
      const parent = map.nodes.get(e.from);
      return (
        parent?.kind !== 'participant-class' ||
        map.incoming(parent.slug).some((x) => map.nodes.get(x.from)?.kind === 'section')
      );
    });
    const insideOfSection = parents.some((e) => map.nodes.get(e.from)?.kind === 'section');
    return aboveAreFrames && !insideOfSection;
  });

export const participantsByClass: Insight = {
  name: 'participants-by-class',
  title: { en: 'Participants by class and openness', zh: '各类参与者及其开放程度' },
  about: {
    en: 'How many organisations, models, frameworks, platforms and communities the map names in each class of participant, split by openness.',
    zh: '图谱在每一类参与者中列出的机构、模型、框架、平台与社区数量，按开放程度划分。',
  },
  chart: 'stacked-bar',
  table(map) {
    const classes = leaves(map);
    const rows = classes.map((c) => {
      const inside = members(map, c.slug);
      const count = (openness: string | undefined): number =>
        inside.filter((n) => n.facets.openness === openness).length;
      return [{ node: c.slug }, count('open'), count('mixed'), count('closed'), count(undefined), inside.length];
    });
    return {
      columns: [
        { key: 'class', label: { en: 'Class', zh: '类别' }, type: 'node' },
        { key: 'open', label: { en: 'open', zh: '开放' }, type: 'number' },
        { key: 'mixed', label: { en: 'mixed', zh: '部分开放' }, type: 'number' },
        { key: 'closed', label: { en: 'closed', zh: '封闭' }, type: 'number' },
        { key: 'unspecified', label: { en: 'not applicable', zh: '不适用' }, type: 'number' },
        { key: 'total', label: { en: 'all', zh: '合计' }, type: 'number' },
      ],
      rows,
      sources: sourcesOf(classes.flatMap((c) => [c, ...members(map, c.slug)])),
    };
  },
};
