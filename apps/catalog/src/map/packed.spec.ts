import { beforeAll, describe, expect, it } from '@jest/globals';
import { edgesOf, readContent, type Entry, type MapEdge } from '@strata/map';
import { recipes } from '@strata/recipes';
import { BUNDLED_CONTENT } from '../app.module.js';
import { small } from '../testing/content.js';
import { assemble, recipeSlug } from './assemble.js';
import { entriesOf } from './entries.js';
import { layered, plainNode } from './layered.js';
import type { CatalogMap } from './map.js';

const bySlug = (a: { readonly slug: string }, b: { readonly slug: string }): number => (a.slug < b.slug ? -1 : 1);
let written: Entry[];
beforeAll(async () => {
  written = (await readContent(BUNDLED_CONTENT)).entries.map((p) => p.entry);
});

/** All edges as they are written, with those of the recipes. */
const edgesIn = (entries: readonly Entry[]): MapEdge[] => [
  ...entries.flatMap(edgesOf),
  ...recipes.flatMap((r) =>
    r.catalog.map((slug) => ({ kind: 'runs-as' as const, from: slug, to: recipeSlug(r.name) })),
  ),
];
const sorted = (edges: readonly MapEdge[]): string[] => edges.map((e) => `${e.from} ${e.kind} ${e.to}`).sort();

describe('a packed map', () => {
  it('says of the bundled content what is written there', () => {
    const map = assemble(written, recipes);
    expect([...entriesOf(map)]).toEqual([...written].sort(bySlug));
    const edges = edgesIn(written);
    const ends = new Set(edges.flatMap((e) => [e.from, e.to]));
    for (const slug of ends) {
      expect(sorted(map.nodes.get(slug)?.edges ?? [])).toEqual(sorted(edges.filter((e) => e.from === slug)));
      expect(sorted(map.incoming(slug))).toEqual(sorted(edges.filter((e) => e.to === slug)));
    }
    for (const [kind, count] of map.edgeCounts) expect(edges.filter((e) => e.kind === kind)).toHaveLength(count);
    for (const n of map.nodes)
      expect(n.recipes).toEqual(
        recipes.filter((r) => r.catalog.includes(n.slug) || recipeSlug(r.name) === n.slug).map((r) => r.name),
      );
  });

  it('keeps edges in the order in which they are written, and none that leads nowhere', () => {
    const { nodes } = assemble(written, []);
    const layer = written.find((e) => e.kind === 'layer')!;
    expect(
      nodes
        .get(layer.slug)
        ?.edges.filter((e) => e.kind === 'contains')
        .map((e) => e.to),
    ).toEqual(layer.edges.contains);
    const [first] = small().entries.map((p) => p.entry);
    expect(assemble([first!], []).nodes.get(first!.slug)?.edges).toEqual([]);
  });

  it('finds entries of a map that is too large to keep them, and none that it does not have', () => {
    const count = 60_000;
    const task = written.find((e) => e.kind === 'task')!;
    const many = function* (): Generator<Entry> {
      for (let i = 0; i < count; i++)
        yield { ...task, slug: `t${i}`, edges: { precedes: [`t${i + 1}`] }, references: [], tags: [`g${i % 7}`] };
    };
    const { nodes, incoming, edgeCounts } = assemble({ [Symbol.iterator]: many }, []);
    expect(nodes).toHaveLength(count);
    const order = Array.from({ length: count }, (_, i) => `t${i}`).sort();
    expect(Array.from(nodes, (n) => n.slug)).toEqual(order);
    for (const i of [0, 1, 12_345, count - 1]) {
      const at = order[i]!;
      const number = Number(at.slice(1));
      expect([nodes.at(i)?.slug, nodes.get(at)?.slug, nodes.has(at)]).toEqual([at, at, true]);
      expect(nodes.get(at)).toMatchObject({ tags: [`g${number % 7}`], name: task.name, kind: 'task', private: false });
      expect(incoming(at)).toEqual(number ? [{ kind: 'precedes', from: `t${number - 1}`, to: at }] : []);
    }
    expect(edgeCounts).toEqual(new Map([['precedes', count - 1]]));
    expect([nodes.get(`t${count}`), nodes.at(-1), nodes.at(count), nodes.has('')]).toEqual([
      undefined,
      undefined,
      undefined,
      false,
    ]);
    expect(incoming('t')).toEqual([]);
  });
});

describe('a map with own entries over it', () => {
  const own = (slug: string, more: Partial<Entry> = {}): Entry => ({
    ...written.find((e) => e.kind === 'task')!,
    slug,
    aliases: { en: [], zh: [] },
    references: [],
    edges: {},
    ...more,
  });
  const shown = (map: CatalogMap) =>
    Array.from(map.nodes, (n) => ({ ...plainNode(n), private: false, edges: sorted(n.edges) }));

  it('is what one map of all entries is', () => {
    const mine = [
      own('zz-last', { edges: { 'applied-in': ['lora'], precedes: ['a-first'] } }),
      own('a-first', { references: ['my-source'] }),
      own('my-source', { kind: 'source', edges: { 'evidence-for': ['lora', 'transformer'] } }),
      own('m-mine', { references: [written.find((e) => e.kind === 'source')!.slug] }),
    ];
    const base = assemble(written, recipes);
    const before = shown(base);
    const map = layered(base, mine);
    const whole = assemble([...written, ...mine], recipes);
    expect(shown(map)).toEqual(shown(whole));
    expect(map.nodes).toHaveLength(whole.nodes.length);
    expect(map.edgeCounts).toEqual(whole.edgeCounts);
    for (const n of whole.nodes) {
      expect(sorted(map.incoming(n.slug))).toEqual(sorted(whole.incoming(n.slug)));
      expect(map.nodes.get(n.slug)?.private).toBe(mine.some((e) => e.slug === n.slug));
    }
    expect([map.nodes.has('m-mine'), map.nodes.has('lora'), map.nodes.has('nothing')]).toEqual([true, true, false]);
    expect([map.nodes.at(-1), map.nodes.at(map.nodes.length)]).toEqual([undefined, undefined]);
    // the map below is everybody's
    expect(shown(base)).toEqual(before);
  });

  it('shows an own entry in the place of one that has its slug', () => {
    const base = assemble(written, recipes);
    const map = layered(base, [own('lora', { name: { en: 'Mine', zh: '我的' } })]);
    expect(map.nodes).toHaveLength(base.nodes.length);
    expect([...map.nodes].filter((n) => n.slug === 'lora').map((n) => n.name.en)).toEqual(['Mine']);
  });
});
