import type { Io } from '../io.js';
import { labelled } from '../view/labelled.js';
import { markdown } from '../view/markdown.js';
import { paramsText, resultsText, runLine } from '../view/recipe.js';
import { indented, shown } from '../view/wrap.js';
import type { Citation, Figure, MapNode, Method, Neighbour, RecipeDetail } from './answers.js';
import { edgeText, facetText, kindText, titled, told, widthOf } from './words.js';

export interface Shown {
  readonly node: MapNode;
  readonly neighbours: readonly Neighbour[];
  /** Entries that a figure is worked out from, and its source, by slug. */
  readonly others: ReadonlyMap<string, MapNode>;
  readonly recipes: readonly RecipeDetail[];
}

function heading(io: Io, node: MapNode): string {
  const { t } = io;
  const other = io.lang === 'en' ? node.name.zh : node.name.en;
  const name = io.paint('bold', told(io, node.name));
  const facts = [
    kindText(io, node.kind),
    node.slug,
    node.facets.since ? t('c_since', { year: node.facets.since }) : '',
    facetText(io, node.facets.openness),
    facetText(io, node.facets.region),
    node.runnable ? io.paint('green', t('c_runnable')) : '',
    node.private ? io.paint('yellow', t('c_own')) : '',
  ];
  const also = [...node.aliases.en, ...node.aliases.zh].map(shown).join(', ');
  const more = labelled(
    [
      [t('c_also'), also],
      [t('c_tags'), node.tags.join(', ')],
    ],
    widthOf(io),
    '',
  );
  const lines = [
    other === node.name[io.lang] ? name : `${name}  ${io.paint('dim', shown(other))}`,
    facts.filter(Boolean).join(' · '),
    more,
  ];
  return lines.filter(Boolean).join('\n');
}

const method = (io: Io, m: Method): string =>
  labelled(
    [
      [io.t('c_formula'), shown(m.formula)],
      [io.t('c_inputs'), told(io, m.inputs)],
      [io.t('c_outputs'), told(io, m.outputs)],
      [io.t('c_when'), told(io, m.when)],
      [io.t('c_complexity'), told(io, m.complexity)],
    ],
    widthOf(io),
  );

/** Authors, title, place and year, and where it is to be read. */
export function citationText(c: Citation): string {
  const place = [c.venue, c.year].filter((x) => x !== null).join(', ');
  const where = [c.arxiv && `arXiv:${c.arxiv}`, c.doi && `doi:${c.doi}`, c.url].filter(Boolean).join(' ');
  return shown([`${c.authors}: ${c.title}.`, place && `${place}.`, where].filter(Boolean).join(' '));
}

/** `36 + 29 + 14 = 79`, with the entries below it; empty when the figure stands for itself. */
export function arithmeticText(io: Io, figure: Figure, others: Shown['others']): string {
  const valueOf = (slug: string): string => String(others.get(slug)?.figure?.value ?? slug);
  const nameOf = (slug: string): string => {
    const node = others.get(slug);
    return node ? titled(io, node) : slug;
  };
  const { sum, percent, value } = figure;
  if (sum.length) return `${sum.map(valueOf).join(' + ')} = ${value}\n${sum.map(nameOf).join(' + ')}`;
  if (!percent) return '';
  const { part, whole, decimals } = percent;
  return `100 · ${valueOf(part)} / ${valueOf(whole)} = ${value.toFixed(decimals)}\n100 · ${nameOf(part)} / ${nameOf(whole)}`;
}

function figureText(io: Io, f: Figure, others: Shown['others']): string {
  const source = others.get(f.source);
  return labelled(
    [
      [io.t('c_value'), `${f.value} ${told(io, f.unit)} (${f.date})`],
      [io.t('c_scope'), told(io, f.scope)],
      [io.t('c_arithmetic'), arithmeticText(io, f, others)],
      [io.t('c_source'), source?.citation ? `${citationText(source.citation)} (${f.source})` : f.source],
    ],
    widthOf(io),
  );
}

/** Entries at the other ends, those behind the same kind of edge in one row. */
function edges(io: Io, { node, neighbours }: Shown): string {
  const rows = new Map<string, string[]>();
  for (const n of neighbours) {
    if (isSource(n) || n.edge.kind === 'runs-as') continue;
    const label = edgeText(io, n.edge, node.slug);
    rows.set(label, [...(rows.get(label) ?? []), titled(io, n.node)]);
  }
  const separator = io.lang === 'zh' ? '；' : '; ';
  return labelled(
    [...rows].map(([label, names]) => [label, names.join(separator)] as const),
    widthOf(io),
  );
}

/** A publication that supports the entry: told with its citation instead. */
const isSource = ({ edge, node }: Neighbour): boolean => edge.kind === 'evidence-for' && node.citation !== null;

const sources = (io: Io, { neighbours }: Shown): string =>
  neighbours
    .filter(isSource)
    .flatMap(({ node }) => (node.citation ? [citationText(node.citation)] : []))
    .map((text) => indented(text, widthOf(io), '    ', '  - '))
    .join('\n');

function recipe(io: Io, { manifest, last_evidence }: RecipeDetail): string {
  const width = widthOf(io) - 2;
  const parts = [
    `${io.paint('bold', manifest.name)}  ${manifest.title[io.lang]}`,
    indented(manifest.summary[io.lang], width, ''),
    paramsText(io, manifest, width),
    resultsText(io, manifest, last_evidence, width),
    labelled([[io.t('run_it'), runLine(manifest)]], width, ''),
  ];
  return parts
    .filter(Boolean)
    .join('\n')
    .replaceAll(/^(?=.)/gm, '  ');
}

/** All that there is to say about an entry, for people. */
export function entryText(io: Io, it: Shown): string {
  const { node } = it;
  const { t } = io;
  const width = widthOf(io);
  const section = (title: string, text: string): string => (text ? `${io.paint('bold', title)}\n${text}` : '');
  const parts = [
    heading(io, node),
    indented(told(io, node.summary), width, ''),
    node.body ? markdown(io, shown(node.body[io.lang]), width) : '',
    node.citation ? section(t('c_citation'), indented(citationText(node.citation), width, '  ')) : '',
    node.method ? section(t('c_method'), method(io, node.method)) : '',
    node.figure ? section(t('c_figure'), figureText(io, node.figure, it.others)) : '',
    section(t('c_edges'), edges(io, it)),
    section(t('c_sources'), sources(io, it)),
    section(t('c_recipes'), it.recipes.map((r) => recipe(io, r)).join('\n\n')),
  ];
  return parts.filter(Boolean).join('\n\n');
}
