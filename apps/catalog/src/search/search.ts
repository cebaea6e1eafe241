import { setImmediate as turn } from 'node:timers/promises';
import { createGroups, facetsOf, timesOf, type FacetCount, type FacetGroup } from '../map/facets.js';
import type { Listed, MapNode } from '../map/map.js';
import { createDictionary, type Dictionary } from './dictionary.js';
import { createInverted, type Field, type Inverted } from './inverted.js';
import { CALLED, createNames, type Called, type Names } from './names.js';
import { createPinyin, type Pinyin } from './pinyin.js';
import { keyOf, massOf, readingsOf, spansOf, termsOf, type Reading } from './query.js';
import { createRank } from './rank.js';
import { finished } from './steps.js';
import { pieces } from './tokens.js';
import { uint32s } from './vector.js';

export interface Scored {
  readonly node: MapNode;
  readonly score: number;
}
export interface Hit extends Scored {
  /** What it is counted by. */
  readonly group: FacetGroup;
}
/** What a search found, best first. Hits are made when they are asked for: mostly a page of them. */
export interface Found {
  readonly total: number;
  hits(from?: number, to?: number): Hit[];
  /** What is counted over all of them. */
  facets(): FacetCount[];
}
/** Best first, equal ones by slug. */
export const byScore = (a: Scored, b: Scored): number => b.score - a.score || (a.node.slug < b.node.slug ? -1 : 1);
export interface SearchOptions {
  /** Entries that count. */
  readonly test?: ((n: MapNode) => boolean) | undefined;
  /** Entries in the answer; MOST_HITS without it. */
  readonly most?: number | undefined;
}
/** Entries that match, best first, equal ones in the order in which they were given: all, or the best MOST_HITS. */
export type Search = (query: string, options?: SearchOptions) => Found;

/** Hits that are there already. */
export const foundOf = (hits: readonly Hit[]): Found => ({
  total: hits.length,
  hits: (from, to) => hits.slice(from, to),
  facets: () => facetsOf(timesOf(hits)),
});

/** More hits than anybody reads; what is counted over hits is counted over these. */
export const MOST_HITS = 2_000;

/** Occurrences in a name, another name, the summary and the rest. */
const FIELDS = [
  { weight: 6, b: 0.6 },
  { weight: 4, b: 0.4 },
  { weight: 1, b: 0.5 },
  { weight: 0.2, b: 0.75 },
] as const satisfies readonly Field[];
const [NAME, ALIAS, SUMMARY, BODY] = [0, 1, 2, 3];

/** An entry of the map comes before the recipe that runs it and before what was written about it, which have nearly the same words. */
const KIND_WEIGHTS: Partial<Record<MapNode['kind'], number>> = { recipe: 0.5, source: 0.6 };
/** An entry whose name is all of the query stands above every other hit, however often the words occur elsewhere. */
const EXACT = 1_000;
/** A name that is a part of the query counts so much times its share of it. */
const PART = 30;
/** Whether a hit is called what was asked for, under any of its names. */
export const isNamed = ({ score }: Scored): boolean => score >= EXACT / 4;
const CALLED_WEIGHTS: Readonly<Record<Called, number>> = { [CALLED.name]: 1, [CALLED.alias]: 0.9, [CALLED.title]: 0.8 };

const HAN_RUN = /\p{Script=Han}+/gu;
const DIGIT = /\d/;
const SLICE = 32;
/** Milliseconds without a break while an index is made beside other work. */
const BREATH_MS = 15;

const textsOf = (t: { readonly en: string; readonly zh: string } | undefined): string[] => (t ? [t.en, t.zh] : []);

/** What a search goes through. */
interface Parts {
  readonly nodes: Listed<MapNode>;
  readonly dictionary: Dictionary;
  readonly pinyin: Pinyin;
  readonly exact: Names;
  readonly index: Inverted;
  readonly groups: readonly FacetGroup[];
  /** Group of each entry. */
  readonly groupAt: Uint32Array;
}

/** Makes an index of entries that are some `among` others; yields where it can be interrupted. */
function* indexOf(nodes: Listed<MapNode>, among: number): Generator<void, Search> {
  const words = createDictionary();
  const inverted = createInverted(FIELDS, among);
  const names = createNames();
  const sounds = createPinyin();
  const groups = createGroups();
  const groupAt = uint32s(nodes.length);

  const read = (n: MapNode, document: number): void => {
    const field = (f: number, texts: readonly string[], named = false): void => {
      for (const text of texts) words.terms(pieces(text), named, (term) => inverted.add(f, term));
    };
    const keys = new Map<string, Called>();
    const call = (texts: readonly string[], called: Called): void => {
      for (const text of texts) {
        const key = keyOf(pieces(text));
        if (key && !keys.has(key)) keys.set(key, called);
      }
    };
    const own = textsOf(n.name);
    const others = [...n.aliases.en, ...n.aliases.zh];
    const title = n.citation ? [n.citation.title] : [];
    call(own, CALLED.name);
    call([...others, n.slug], CALLED.alias);
    call(title, CALLED.title);
    for (const [key, called] of keys) names.add(key, document, called);
    for (const text of [...own, ...others]) {
      for (const [run] of text.matchAll(HAN_RUN)) sounds.add(run);
      if (HAN_RUN.test(text) && !DIGIT.test(text)) sounds.add(keyOf(pieces(text)));
      HAN_RUN.lastIndex = 0;
    }
    field(NAME, own, true);
    field(ALIAS, others, true);
    field(ALIAS, [n.slug]);
    field(SUMMARY, [...textsOf(n.summary), ...title]);
    field(BODY, [...textsOf(n.body), ...textsOf(n.method?.when), n.citation?.authors ?? '']);
    groupAt[document] = groups.number(n);
    inverted.next(KIND_WEIGHTS[n.kind] ?? 1);
  };

  for (let i = 0; i < nodes.length; i++) {
    read(nodes.at(i)!, i);
    if (i % SLICE === 0) yield;
  }
  const dictionary = words.finish();
  yield;
  const pinyin = sounds.finish();
  yield;
  const exact = yield* names.finish();
  const index = yield* inverted.finish();
  return searchOver({ nodes, dictionary, pinyin, exact, index, groups: groups.all, groupAt });
}

/** Apart from where the index was made: what is kept there would stay in memory. */
function searchOver({ nodes, dictionary, pinyin, exact, index, groups, groupAt }: Parts): Search {
  const rank = createRank(index);
  const rarity = (word: string): number => {
    const term = dictionary.word(word);
    const holders = term === undefined ? 0 : index.starts[term + 1]! - index.starts[term]!;
    return Math.log(1 + index.documents / (holders + 0.5));
  };

  /** Points for names that are the query or a part of it. */
  const pointsOf = (readings: readonly Reading[]): Map<number, number> => {
    const points = new Map<number, number>();
    for (const { atoms, weight } of readings) {
      const here = new Map<number, number>();
      const mass = massOf(atoms);
      const taken: { from: number; to: number }[] = [];
      for (const { key, from, to } of spansOf(atoms)) {
        if (taken.some((t) => t.from <= from && t.to >= to)) continue;
        const share = mass ? massOf(atoms, from, to) / mass : 1;
        let found = false;
        exact.find(key, (document, called) => {
          found = true;
          const kind = KIND_WEIGHTS[nodes.at(document)!.kind] ?? 1;
          const gained = (share === 1 ? EXACT : PART * share) * CALLED_WEIGHTS[called] * kind * weight;
          here.set(document, (here.get(document) ?? 0) + gained);
        });
        if (found) taken.push({ from, to });
      }
      for (const [document, gained] of here) points.set(document, Math.max(points.get(document) ?? 0, gained));
    }
    return points;
  };

  return (query, { test, most = MOST_HITS } = {}) => {
    const readings = readingsOf(query, dictionary, pinyin, rarity);
    const wanted = [...termsOf(readings, dictionary, rarity)].map(([term, weight]) => ({ term, weight }));
    const { documents, scores } = rank(wanted, {
      points: pointsOf(readings),
      test: test && ((document) => test(nodes.at(document)!)),
      most,
    });
    return {
      total: documents.length,
      hits: (from, to) => {
        const chosen = scores.subarray(from, to);
        return Array.from(documents.subarray(from, to), (d, i) => ({
          node: nodes.at(d)!,
          score: chosen[i]!,
          group: groups[groupAt[d]!]!,
        }));
      },
      facets: () => {
        const counts = new Uint32Array(groups.length);
        for (const d of documents) counts[groupAt[d]!]!++;
        const times: [FacetGroup, number][] = [];
        for (let g = 0; g < counts.length; g++) if (counts[g]) times.push([groups[g]!, counts[g]!]);
        return facetsOf(times);
      },
    };
  };
}

/**
 * Full-text search over names, aliases, titles, slugs, summaries and bodies in both languages, by words, their beginnings and pinyin, with typing
 * errors. All words of a query need not occur: the more do, the higher the hit.
 * @param among size of the map that these entries belong to, where others of it are searched apart: a word that one of three entries holds is
 * rare all the same
 */
export function createSearch(nodes: Listed<MapNode>, among = nodes.length): Search {
  return finished(indexOf(nodes, among));
}

/** The same, with breaks in which other work goes on. */
export async function createSearchGently(nodes: Listed<MapNode>): Promise<Search> {
  const making = indexOf(nodes, nodes.length);
  let since = performance.now();
  for (let step = making.next(); ; step = making.next()) {
    if (step.done) return step.value;
    if (performance.now() - since > BREATH_MS) {
      await turn();
      since = performance.now();
    }
  }
}
