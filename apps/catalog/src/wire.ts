import { catalog } from '@strata/contracts/grpc';
import type { Coverage, Covered } from './map/coverage.js';
import type { MapNode } from './map/map.js';

/** An entry as it travels among the hits of a search. */
export function wireSummary(n: MapNode): catalog.NodeSummary {
  const { figure } = n;
  return {
    slug: n.slug,
    kind: n.kind,
    name: n.name,
    summary: n.summary,
    aliases: { en: [...n.aliases.en], zh: [...n.aliases.zh] },
    tags: [...n.tags],
    runnable: n.runnable,
    recipes: [...n.recipes],
    facets: { openness: n.facets.openness ?? '', region: n.facets.region ?? '', since: n.facets.since ?? 0 },
    figure: figure && {
      value: figure.value,
      unit: figure.unit,
      date: figure.date,
      scope: figure.scope,
      source: figure.source,
      sum: [...(figure.check?.sum ?? [])],
      percent: figure.check?.percent,
    },
    private: n.private,
  };
}

/** What an entry has beside its summary. */
function wireDetails(n: MapNode): Omit<catalog.Node, keyof catalog.NodeSummary> {
  const { citation } = n;
  return {
    body: n.body,
    edges: n.edges.map((e) => ({ ...e })),
    method: n.method,
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
    recipe: undefined,
  };
}

/** An entry as it travels. */
export const wireNode = (n: MapNode): catalog.Node => ({ ...wireSummary(n), ...wireDetails(n) });

/** Nothing of it is written. */
const NO_SUMMARY = catalog.NodeSummary.fromPartial({});

/** A message of an entry that begins with the message of its summary: fields may come in any order, and the one is a part of the other. */
export interface NodeBytes {
  readonly whole: Buffer;
  /** How many bytes at its beginning are the summary. */
  readonly summary: number;
}
export function nodeBytes(n: MapNode): NodeBytes {
  const summary = catalog.NodeSummary.encode(wireSummary(n)).finish();
  const details = catalog.Node.encode({ ...NO_SUMMARY, ...wireDetails(n) }).finish();
  return { whole: Buffer.concat([summary, details]), summary: summary.length };
}

/** What is written in an entry, beside what it is known and counted by. */
export type NodeText = Pick<
  MapNode,
  'name' | 'aliases' | 'summary' | 'body' | 'references' | 'method' | 'figure' | 'citation'
>;

const EMPTY = { en: '', zh: '' } as const;

/** The text of an entry that travelled: what `wireNode` wrote. */
export function textOf(n: catalog.Node): NodeText {
  const { method, figure, citation } = n;
  const check = figure?.percent ? { percent: figure.percent } : figure?.sum.length ? { sum: figure.sum } : undefined;
  return {
    name: n.name ?? EMPTY,
    aliases: n.aliases ?? { en: [], zh: [] },
    summary: n.summary ?? EMPTY,
    body: n.body,
    references: n.references,
    method: method && {
      formula: method.formula,
      inputs: method.inputs ?? EMPTY,
      outputs: method.outputs ?? EMPTY,
      when: method.when ?? EMPTY,
      complexity: method.complexity ?? EMPTY,
    },
    figure: figure && {
      value: figure.value,
      unit: figure.unit ?? EMPTY,
      date: figure.date,
      scope: figure.scope ?? EMPTY,
      source: figure.source,
      check,
    },
    citation: citation && {
      title: citation.title,
      authors: citation.authors,
      year: citation.year || undefined,
      venue: citation.venue || undefined,
      arxiv: citation.arxiv || undefined,
      doi: citation.doi || undefined,
      url: citation.url || undefined,
    },
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
