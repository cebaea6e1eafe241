import { describe, expect, it } from '@jest/globals';
import { parseContent } from '@strata/map';
import { SMALL } from '../testing/content.js';
import { createGroups, facetsOf, groupOf, timesOf } from './facets.js';
import { assemble } from './assemble.js';
import { plainNode } from './layered.js';

const { nodes } = assemble(
  parseContent(SMALL, 'small.yaml').entries.map((p) => p.entry),
  [],
);
const found = (...slugs: string[]) => timesOf(slugs.map((slug) => ({ group: groupOf(nodes.get(slug)!) })));

describe('facets of what was found', () => {
  it('are counted by value, the most frequent first, equal ones by their names', () => {
    expect(facetsOf(found('lora', 'machine-learning', 'full-tuning', 'deep-learning', 'transformer'))).toEqual([
      { facet: 'kind', value: 'algorithm-family', count: 2 },
      { facet: 'kind', value: 'technique', count: 2 },
      { facet: 'tag', value: 'core', count: 2 },
      { facet: 'kind', value: 'algorithm', count: 1 },
    ]);
    expect(facetsOf(found())).toEqual([]);
  });

  it('have openness and region where an entry has them', () => {
    const node = {
      ...plainNode(nodes.get('lora')!),
      tags: ['b', 'a'],
      facets: { openness: 'open', region: 'china' } as const,
    };
    expect(facetsOf([[groupOf(node), 1]])).toEqual([
      { facet: 'kind', value: 'technique', count: 1 },
      { facet: 'openness', value: 'open', count: 1 },
      { facet: 'region', value: 'china', count: 1 },
      { facet: 'tag', value: 'a', count: 1 },
      { facet: 'tag', value: 'b', count: 1 },
    ]);
  });

  it('are the same from groups that entries share', () => {
    const groups = createGroups();
    const shared = [...nodes].map((n) => ({ group: groups.all[groups.number(n)]! }));
    expect(facetsOf(timesOf(shared))).toEqual(facetsOf(found(...[...nodes].map((n) => n.slug))));
    expect(groups.all.length).toBeLessThan(nodes.length);
    const lora = plainNode(nodes.get('lora')!);
    const numbers = [lora, { ...lora, slug: 'other' }, { ...lora, tags: ['x'] }, { ...lora, kind: 'case' as const }];
    expect(new Set(numbers.map(groups.number)).size).toBe(3);
  });
});
