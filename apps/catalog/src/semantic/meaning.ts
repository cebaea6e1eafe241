import { createEncoder, embeddingDimOf, type EncoderWeights } from '@strata/recipes/text-encoder';
import { groupOf } from '../map/facets.js';
import type { MapNode } from '../map/map.js';
import { byScore, type Hit, type Scored } from '../search/search.js';
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

/** Ranks by a trained model. Entries that it was not trained on, a tenant's own, are encoded when they are first met. */
export function createMeaning({ encoder, slugs, vectors }: MeaningModel): Meaning {
  const encode = encoderOf(encoder);
  const dim = embeddingDimOf(encoder);
  const known = new Map(slugs.map((slug, i) => [slug, vectors.subarray(i * dim, (i + 1) * dim)]));
  const met = new WeakMap<MapNode, Float32Array>();
  const vector = (n: MapNode): Float32Array => {
    const trained = n.private ? undefined : known.get(n.slug);
    if (trained) return trained;
    const before = met.get(n);
    if (before) return before;
    const made = vectorOf(n, encode);
    met.set(n, made);
    return made;
  };
  return {
    nearest(query, nodes, { most, test }) {
      const q = encode(query.slice(0, KEPT));
      const found: Scored[] = [];
      for (const node of nodes) {
        if (!hasMeaning(node) || (test && !test(node))) continue;
        const v = vector(node);
        let score = 0;
        for (let i = 0; i < dim; i++) score += (q[i] as number) * (v[i] as number);
        if (score >= LEAST) found.push({ node, score });
      }
      return found
        .sort(byScore)
        .slice(0, most)
        .map((hit) => ({ ...hit, group: groupOf(hit.node) }));
    },
  };
}
