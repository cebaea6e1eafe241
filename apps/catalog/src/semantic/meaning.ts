import { createEncoder, embeddingDimOf, type EncoderWeights } from '@strata/recipes/text-encoder';
import { groupOf, type FacetGroup } from '../map/facets.js';
import type { MapNode } from '../map/map.js';
import { firstWhere } from '../search/bisect.js';
import type { Hit, Scored } from '../search/search.js';
import { essenceOf } from './essence.js';
import { sentencesOf } from './sentences.js';

/** What a training leaves behind: the encoder, and the vectors of the entries it was trained on. */
export interface MeaningModel {
  readonly encoder: EncoderWeights;
  /** Entry of each row of `vectors`. */
  readonly slugs: readonly string[];
  /** [slugs, dim], of length 1, or 0 for an entry whose words are all unknown. */
  readonly vectors: Float32Array;
}

/** Recipes and publications have the words of the entries that they belong to; those are what is looked for. */
export const hasMeaning = (n: MapNode): boolean => n.kind !== 'recipe' && n.kind !== 'source';

/** The mean direction of an entry's names, other names, summaries and sentences in both languages. */
export function vectorOf(n: MapNode, encode: (text: string) => Float32Array): Float32Array {
  const texts = (['en', 'zh'] as const).flatMap((l) => [
    n.name[l],
    ...n.aliases[l],
    n.summary[l],
    ...sentencesOf(n.body?.[l] ?? '', l),
    ...sentencesOf(n.method?.when[l] ?? '', l),
  ]);
  let sum = new Float64Array(0);
  for (const text of texts) {
    const v = encode(text);
    if (sum.length === 0) sum = new Float64Array(v.length);
    for (let i = 0; i < v.length; i++) sum[i] = (sum[i] as number) + (v[i] as number);
  }
  const length = Math.hypot(...sum);
  return Float32Array.from(sum, (x) => (length > 0 ? x / length : 0));
}

const encoderOf = (weights: EncoderWeights): ((text: string) => Float32Array) => {
  const encode = createEncoder(weights);
  return (text) => encode(essenceOf(text));
};

/** The vectors of entries below each other. */
export function vectorsOf(nodes: readonly MapNode[], encoder: EncoderWeights): Float32Array {
  const encode = encoderOf(encoder);
  const dim = embeddingDimOf(encoder);
  const all = new Float32Array(nodes.length * dim);
  for (const [i, n] of nodes.entries()) all.set(vectorOf(n, encode), i * dim);
  return all;
}

export interface Meaning {
  /** The entries of some map that are nearest to a text, best first; scores are the cosines of their vectors with its. */
  nearest(
    query: string,
    nodes: Iterable<MapNode>,
    options: { readonly most: number; readonly test?: ((n: MapNode) => boolean) | undefined },
  ): Hit[];
}

/** A cosine below this says nothing: that of a query and an entry about something else. */
const LEAST = 0.1;
const KEPT = 10_000;

/** Entries of a map that are compared with queries, side by side. */
interface Compared {
  readonly nodes: readonly MapNode[];
  /** Row of each entry's vector: among those that were trained, and behind them in `more`. */
  readonly rows: Int32Array;
  readonly more: Float32Array;
}

/** Ranks by a trained model. Entries that it was not trained on, a tenant's own, are encoded when their map is first met. */
export function createMeaning({ encoder, slugs, vectors }: MeaningModel): Meaning {
  const encode = encoderOf(encoder);
  const dim = embeddingDimOf(encoder);
  const trained = new Map(slugs.map((slug, row) => [slug, row]));
  const cosines = new Float32Array(slugs.length);
  const met = new WeakMap<Iterable<MapNode>, Compared>();
  /** Entries of the public map are in the maps of all tenants. */
  const groups = new WeakMap<MapNode, FacetGroup>();

  const groupFor = (n: MapNode): FacetGroup => {
    const before = groups.get(n);
    if (before) return before;
    const made = groupOf(n);
    groups.set(n, made);
    return made;
  };
  const compared = (all: Iterable<MapNode>): Compared => {
    const before = met.get(all);
    if (before) return before;
    const nodes = [...all].filter(hasMeaning);
    const own: MapNode[] = [];
    const rows = Int32Array.from(nodes, (n) => {
      const row = n.private ? undefined : trained.get(n.slug);
      return row ?? slugs.length + own.push(n) - 1;
    });
    const made = { nodes, rows, more: vectorsOf(own, encoder) };
    met.set(all, made);
    return made;
  };
  return {
    nearest(query, all, { most, test }) {
      const { nodes, rows, more } = compared(all);
      const q = encode(query.slice(0, KEPT));
      dots(vectors, q, cosines);
      const ownCosines = dots(more, q, new Float32Array(more.length / dim));
      const best: Scored[] = [];
      for (const [i, node] of nodes.entries()) {
        const row = rows[i]!;
        const score = cosines[row] ?? ownCosines[row - cosines.length]!;
        if (score < LEAST || (best.length === most && score <= best[most - 1]!.score)) continue;
        if (test && !test(node)) continue;
        const place = firstWhere(best.length, (b) => best[b]!.score < score);
        best.splice(place, 0, { node, score });
        if (best.length > most) best.pop();
      }
      return best.map((hit) => ({ ...hit, group: groupFor(hit.node) }));
    },
  };
}

/** Products of a vector with rows, into `into`. */
function dots(rows: Float32Array, q: Float32Array, into: Float32Array): Float32Array {
  const dim = q.length;
  for (let row = 0, at = 0; row < into.length; row++) {
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += rows[at++]! * q[i]!;
    into[row] = sum;
  }
  return into;
}
