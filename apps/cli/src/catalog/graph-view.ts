import stringWidth from 'string-width';
import type { Io } from '../io.js';
import { padTo } from '../view/text.js';
import type { Edge, MapNode, PathAnswer, SubgraphAnswer } from './answers.js';
import { edgeText, titled } from './words.js';

/** A way, one entry a line, with the words of the edge between two of them. */
export function pathText(io: Io, { nodes, edges }: PathAnswer): string {
  const lines = nodes.flatMap((node, i) => {
    const edge = edges[i];
    return [titled(io, node), ...(edge ? [io.paint('dim', `  │ ${edgeText(io, edge, node.slug)}`)] : [])];
  });
  return [...lines, io.t('c_way', { n: edges.length })].join('\n');
}

/**
 * What lies around an entry as a tree: each entry once, below the one by which it is reached first, so that its depth is its distance.
 */
export function treeText(io: Io, centre: string, { nodes, edges }: SubgraphAnswer): string {
  const bySlug = new Map(nodes.map((n) => [n.slug, n]));
  const at = new Map<string, Edge[]>();
  for (const e of edges) for (const end of new Set([e.from, e.to])) at.set(end, [...(at.get(end) ?? []), e]);

  const children = new Map<string, { edge: Edge; node: MapNode }[]>();
  const reached = new Set([centre]);
  for (const slug of reached)
    for (const edge of at.get(slug) ?? []) {
      const other = edge.from === slug ? edge.to : edge.from;
      const node = bySlug.get(other);
      if (!node || reached.has(other)) continue;
      reached.add(other);
      children.set(slug, [...(children.get(slug) ?? []), { edge, node }]);
    }

  const root = bySlug.get(centre);
  const lines = [root ? io.paint('bold', titled(io, root)) : centre];
  const grow = (slug: string, before: string): void => {
    const below = (children.get(slug) ?? []).map((c) => ({ ...c, word: edgeText(io, c.edge, slug) }));
    // edges of one kind stand together, in the order of their first
    const order = [...new Set(below.map((c) => c.word))];
    below.sort((a, b) => order.indexOf(a.word) - order.indexOf(b.word));
    const column = Math.max(0, ...below.map((c) => stringWidth(c.word)));
    below.forEach(({ node, word }, i) => {
      const last = i === below.length - 1;
      lines.push(`${before}${last ? '└' : '├'} ${io.paint('dim', padTo(word, column))}  ${titled(io, node)}`);
      grow(node.slug, `${before}${last ? ' ' : '│'} `);
    });
  };
  grow(centre, '');
  return lines.join('\n');
}
