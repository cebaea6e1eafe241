import { allowed, ORDERS, SYMMETRIC, targetsOf, type EdgeKind } from './kinds.js';
import type { Parsed, Placed, Problem } from './read.js';

export interface MapEdge {
  readonly kind: EdgeKind;
  readonly from: string;
  readonly to: string;
}

/** Written edges of an entry, and those that its references stand for. */
export const edgesOf = ({ slug, edges, references }: Placed['entry']): MapEdge[] => [
  ...Object.entries(edges).flatMap(([kind, targets]) =>
    targets.map((to) => ({ kind: kind as EdgeKind, from: slug, to })),
  ),
  ...references.map((from) => ({ kind: 'evidence-for' as const, from, to: slug })),
];

/** Names as they are compared: without case, accents, blanks and punctuation. */
export const folded = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}+#]+/gu, ' ')
    .trim();

type Found = ReadonlyMap<string, Placed>;

/** Entries that could not be read. What seems to be wrong because they are absent is not. */
interface Lost {
  readonly any: boolean;
  has(slug: string): boolean;
}
const NONE: Lost = { any: false, has: () => false };

const at = ({ file, line, entry }: Placed, message: string): Problem => ({ file, line, slug: entry.slug, message });

function checkSlugs(content: readonly Placed[]): { bySlug: Found; problems: Problem[] } {
  const bySlug = new Map<string, Placed>();
  const problems: Problem[] = [];
  for (const placed of content) {
    const first = bySlug.get(placed.entry.slug);
    if (first) problems.push(at(placed, `slug "${placed.entry.slug}" is taken by ${first.file}:${first.line}`));
    else bySlug.set(placed.entry.slug, placed);
  }
  return { bySlug, problems };
}

function checkEdges(content: readonly Placed[], bySlug: Found, lost: Lost): Problem[] {
  const problems: Problem[] = [];
  const linked = new Set<string>();
  for (const placed of content) {
    const { slug, references } = placed.entry;
    const seen = new Set<string>();
    for (const r of references)
      if (bySlug.get(r) && bySlug.get(r)?.entry.kind !== 'source')
        problems.push(at(placed, `references: "${r}" is of kind ${bySlug.get(r)?.entry.kind}, not source`));
    for (const { kind, from, to } of edgesOf(placed.entry)) {
      const other = from === slug ? to : from;
      const source = bySlug.get(from)?.entry;
      const target = bySlug.get(to)?.entry;
      if (!bySlug.has(other)) {
        if (!lost.has(other)) problems.push(at(placed, `"${from}" ${kind} "${to}", and there is no entry "${other}"`));
      } else if (from === to) problems.push(at(placed, `"${to}" ${kind} itself`));
      else if (seen.has(`${from} ${kind} ${to}`)) problems.push(at(placed, `"${from}" ${kind} "${to}" twice`));
      else if (source && target && !allowed(kind, source.kind, target.kind))
        problems.push(
          at(
            placed,
            `"${from}" ${kind} "${to}": from ${source.kind} to ${target.kind} there is no such edge; ${kind} leads from ${source.kind} to ${targetsOf(kind, source.kind).join(', ') || 'nothing'}`,
          ),
        );
      seen.add(`${from} ${kind} ${to}`);
      linked.add(from).add(to);
    }
  }
  for (const placed of content)
    if (!lost.any && !linked.has(placed.entry.slug))
      problems.push(
        at(
          placed,
          `"${placed.entry.slug}" hangs in the air: give it an edge, or name it in the edges of another entry`,
        ),
      );
  return problems;
}

/** Circles of one kind of edge, each once. */
function circles(edges: readonly MapEdge[], kind: EdgeKind): string[][] {
  const next = new Map<string, string[]>();
  for (const e of edges) if (e.kind === kind) next.set(e.from, [...(next.get(e.from) ?? []), e.to]);
  const found: string[][] = [];
  const done = new Set<string>();
  // depth first without recursion: an imported chain may be long
  for (const start of next.keys()) {
    if (done.has(start)) continue;
    const path: string[] = [start];
    const onPath = new Set(path);
    const iterators = [(next.get(start) ?? [])[Symbol.iterator]()];
    while (iterators.length) {
      const step = iterators.at(-1)?.next();
      if (!step || step.done) {
        const left = path.pop() as string;
        onPath.delete(left);
        done.add(left);
        iterators.pop();
      } else if (onPath.has(step.value)) found.push([...path.slice(path.indexOf(step.value)), step.value]);
      else if (!done.has(step.value)) {
        path.push(step.value);
        onPath.add(step.value);
        iterators.push((next.get(step.value) ?? [])[Symbol.iterator]());
      }
    }
  }
  return found;
}

function checkOrders(content: readonly Placed[], bySlug: Found): Problem[] {
  const edges = content.flatMap((p) => edgesOf(p.entry));
  const problems: Problem[] = [];
  for (const kind of ORDERS)
    for (const circle of circles(edges, kind)) {
      const placed = bySlug.get(circle[0] ?? '');
      const message = `${kind} runs in a circle: ${circle.join(' → ')}`;
      problems.push(placed ? at(placed, message) : { file: '', message });
    }
  for (const kind of SYMMETRIC) {
    const once = new Set<string>();
    for (const e of edges.filter((x) => x.kind === kind)) {
      const placed = bySlug.get(e.from);
      if (once.has(`${e.to} ${e.from}`) && placed)
        problems.push(at(placed, `"${e.from}" ${kind} "${e.to}" is written the other way round already`));
      once.add(`${e.from} ${e.to}`);
    }
  }
  return problems;
}

/** Two entries with one name are told apart by nobody. */
function checkNames(content: readonly Placed[]): Problem[] {
  const owner = new Map<string, Placed>();
  const problems: Problem[] = [];
  for (const placed of content) {
    const { slug, name, aliases, kind } = placed.entry;
    if (kind === 'source') continue;
    for (const alias of [...aliases.en, ...aliases.zh])
      if (folded(alias) === folded(name.en) || folded(alias) === folded(name.zh))
        problems.push(at(placed, `the alias "${alias}" of "${slug}" is its name already`));
    for (const text of new Set([name.en, name.zh, ...aliases.en, ...aliases.zh].map(folded))) {
      const first = owner.get(text);
      if (first && first !== placed)
        problems.push(at(placed, `the name or alias "${text}" of "${slug}" is also one of "${first.entry.slug}"`));
      else owner.set(text, placed);
    }
  }
  return problems;
}

/** Half of the last place that is kept. */
const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));

function checkFigures(content: readonly Placed[], bySlug: Found, lost: Lost): Problem[] {
  const problems: Problem[] = [];
  for (const placed of content) {
    const { slug, figure } = placed.entry;
    if (!figure) continue;
    const source = bySlug.get(figure.source);
    if (source?.entry.kind !== 'source' && !lost.has(figure.source))
      problems.push(at(placed, `figure.source: there is no entry "${figure.source}" of kind source`));
    const valueOf = (other: string): number => {
      const value = bySlug.get(other)?.entry.figure?.value;
      if (value === undefined && !lost.has(other))
        problems.push(at(placed, `figure.check: there is no figure "${other}"`));
      return value ?? NaN;
    };
    const { sum, percent } = figure.check ?? {};
    const expected = sum
      ? rounded(
          sum.map(valueOf).reduce((a, b) => a + b, 0),
          9,
        )
      : percent
        ? rounded((100 * valueOf(percent.part)) / valueOf(percent.whole), percent.decimals)
        : undefined;
    if (expected !== undefined && !Number.isNaN(expected) && expected !== figure.value)
      problems.push(
        at(
          placed,
          `"${slug}" says ${figure.value}, but ${sum ? `${sum.join(' + ')} = ` : `100 · ${percent?.part} / ${percent?.whole} = `}${expected}`,
        ),
      );
  }
  return problems;
}

/** Names of one publication: its identifiers, or its title where it has none. */
function publicationKeys({ arxiv, doi, url, title }: NonNullable<Placed['entry']['citation']>): string[] {
  const identifiers = [
    ...(arxiv ? [`arXiv ${arxiv}`] : []),
    // a DOI is compared without case (DOI Handbook, section 2.4)
    ...(doi ? [`DOI ${doi.toLowerCase()}`] : []),
    ...(url ? [`address ${url.replace(/\/$/, '')}`] : []),
  ];
  return [...identifiers, `title "${folded(title)}"`];
}

/** A publication that is two entries has its evidence in two heaps. */
function checkPublications(content: readonly Placed[]): Problem[] {
  const owner = new Map<string, Placed>();
  const problems: Problem[] = [];
  for (const placed of content) {
    const { slug, citation } = placed.entry;
    const keys = citation ? publicationKeys(citation) : [];
    const same = keys.find((key) => owner.has(key));
    const first = same && owner.get(same);
    if (first && first.entry.slug !== slug)
      problems.push(
        at(placed, `"${slug}" is the same publication as "${first.entry.slug}": ${same}; keep one of them`),
      );
    for (const key of keys) if (!owner.has(key)) owner.set(key, placed);
  }
  return problems;
}

function checkTogether(content: readonly Placed[], lost: Lost): Problem[] {
  const { bySlug, problems } = checkSlugs(content);
  return [
    ...problems,
    ...checkEdges(content, bySlug, lost),
    ...checkOrders(content, bySlug),
    ...checkNames(content),
    ...checkPublications(content),
    ...checkFigures(content, bySlug, lost),
  ];
}

/** All that does not hold together in these entries, in the order of what a writer mends first. */
export const checkEntries = (content: readonly Placed[]): Problem[] => checkTogether(content, NONE);

/**
 * All that is wrong with what was read: what could not be read as an entry, then what does not hold together in the rest.
 * @param beside sound entries that these are to stand beside
 */
export function checkParsed({ entries, problems }: Parsed, beside: readonly Placed[] = []): Problem[] {
  const read = new Set([...beside, ...entries].map((p) => p.entry.slug));
  const lost = problems.filter((p) => p.slug === undefined || !read.has(p.slug));
  const slugs = new Set(lost.map((p) => p.slug));
  return [
    ...problems,
    ...checkTogether([...beside, ...entries], {
      any: lost.length > 0,
      // behind a complaint without a slug, any entry may be missing
      has: (slug) => slugs.has(slug) || slugs.has(undefined),
    }),
  ];
}
