import { describe, expect, it } from '@jest/globals';
import { catalog } from '@strata/contracts/grpc';
import { readContent } from '@strata/map';
import { BUNDLED_CONTENT } from './app.module.js';
import { assemble } from './map/assemble.js';
import { plainNode } from './map/layered.js';
import { nodeAnswer, nodesAnswer, searchAnswer } from './wire-bytes.js';
import { wireNode, wireSummary } from './wire.js';

const { Node, NodeSummary, ListNodesResponse, SearchResponse } = catalog;

describe('answers as bytes', () => {
  it('say of every entry of the map what its message says, also the second time', async () => {
    const { entries } = await readContent(BUNDLED_CONTENT);
    const { nodes } = assemble(
      entries.map((p) => p.entry),
      [],
    );
    const sorted = [...nodes];
    const apart = plainNode(sorted[0]!);
    for (const n of [...sorted, ...sorted, apart, apart]) expect(Node.decode(nodeAnswer(n).bytes)).toEqual(wireNode(n));

    const own = [plainNode(sorted[0]!), plainNode(sorted[0]!)].map((node) => ({ node, score: 1 }));
    const ofOwn = SearchResponse.decode(searchAnswer(own, { total: 2, facets: [], mode: '' }).bytes);
    expect(ofOwn.hits.map((h) => h.node)).toEqual(own.map((h) => wireSummary(h.node)));

    const page = { nodes: sorted.slice(0, 40).map(wireNode), hasMore: true, next: 'ü' };
    const list = nodesAnswer(sorted.slice(0, 40), ListNodesResponse.encode({ ...page, nodes: [] }));
    expect(ListNodesResponse.decode(list.bytes)).toEqual(page);

    const hits = sorted.map((node, i) => ({ node, score: i % 3 ? 1 / i : 0 }));
    const rest = { total: 12_345, facets: [{ facet: 'kind', value: '类', count: 7 }], mode: 'both' };
    expect(SearchResponse.decode(searchAnswer(hits, rest).bytes)).toEqual({
      hits: hits.map(({ node, score }) => ({ node: wireSummary(node), score })),
      ...rest,
    });
  });

  it('have hits with those fields of an entry that a summary has, under the same numbers', () => {
    const node = { slug: 'a', body: { en: 'b', zh: 'c' }, edges: [], tags: ['t'], private: true, figure: { value: 2 } };
    const read = NodeSummary.decode(Node.encode(Node.fromPartial(node)).finish());
    expect(read).toEqual(NodeSummary.fromPartial({ slug: 'a', tags: ['t'], private: true, figure: { value: 2 } }));
  });

  it('are empty messages where there is nothing to say', () => {
    expect(searchAnswer([], { total: 0, facets: [], mode: '' }).bytes).toHaveLength(0);
  });
});
