import type { catalog } from '@strata/contracts/grpc';
import type { Coverage, Covered } from './map/coverage.js';
import type { MapNode } from './map/map.js';

/** An entry as it travels. */
export function wireNode(n: MapNode): catalog.Node {
  const { figure, citation } = n;
  return {
    slug: n.slug,
    kind: n.kind,
    name: n.name,
    summary: n.summary,
    body: n.body,
    aliases: { en: [...n.aliases.en], zh: [...n.aliases.zh] },
    tags: [...n.tags],
    runnable: n.runnable,
    edges: n.edges.map((e) => ({ ...e })),
    recipes: [...n.recipes],
    facets: { openness: n.facets.openness ?? '', region: n.facets.region ?? '', since: n.facets.since ?? 0 },
    method: n.method,
    figure: figure && {
      value: figure.value,
      unit: figure.unit,
      date: figure.date,
      scope: figure.scope,
      source: figure.source,
      sum: [...(figure.check?.sum ?? [])],
      percent: figure.check?.percent,
    },
    citation: citation && {
      title: citation.title,
      authors: citation.authors,
      year: citation.year ?? 0,
      venue: citation.venue ?? '',
      arxiv: citation.arxiv ?? '',
      doi: citation.doi ?? '',
      url: citation.url ?? '',
    },
    references: [...n.references],
    private: n.private,
    recipe: undefined,
  };
}

const wireCovered = ({ node, areas }: Covered): catalog.CoverageEntry => ({
  slug: node.slug,
  name: node.name,
  recipes: [...node.recipes],
  kind: node.kind,
  areas: areas.map((a) => a.slug),
});
const slugsOf = (nodes: readonly MapNode[]): string[] => nodes.map((n) => n.slug);

export const wireCoverage = ({ covered, missing, areas }: Coverage): catalog.CoverageResponse => ({
  covered: covered.map(wireCovered),
  missing: missing.map(wireCovered),
  areas: areas.map((a) => ({
    slug: a.section?.slug ?? '',
    name: a.section?.name,
    covered: slugsOf(a.covered),
    missing: slugsOf(a.missing),
  })),
});
