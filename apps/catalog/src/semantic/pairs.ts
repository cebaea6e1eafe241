import type { Pair } from '@strata/recipes/text-embedding';
import type { MapNode } from '../map/map.js';
import { essenceOf } from './essence.js';
import { sentencesOf } from './sentences.js';

const LANGUAGES = ['en', 'zh'] as const;

/** Pairs of texts of the map that belong together, as their essences, by entry. */
export function pairsOf(nodes: readonly MapNode[]): Pair[] {
  const pairs: Pair[] = [];
  // most texts are in several pairs
  const known = new Map<string, string>();
  const essence = (text: string): string => {
    const made = known.get(text) ?? essenceOf(text);
    known.set(text, made);
    return made;
  };
  const bySlug = new Map(nodes.map((n) => [n.slug, n]));
  for (const n of nodes) {
    const add = (one: string | undefined, other: string | undefined, weight = 1): void => {
      const [anchor, positive] = [essence(one ?? ''), essence(other ?? '')];
      if (anchor && positive && anchor !== positive) pairs.push({ anchor, positive, group: n.slug, weight });
    };
    if (n.kind === 'source') {
      add(n.name.en, n.name.zh, 0.5);
      add(n.summary.en, n.summary.zh, 0.5);
      add(n.citation?.title, n.summary.zh, 0.5);
      continue;
    }
    add(n.name.en, n.name.zh);
    add(n.summary.en, n.summary.zh);
    for (const l of LANGUAGES) {
      const other = l === 'en' ? 'zh' : 'en';
      for (const name of [n.name[l], ...n.aliases[l]]) {
        add(name, n.summary[l]);
        add(name, n.summary[other]);
      }
      for (const s of sentencesOf(n.body?.[l] ?? '', l)) {
        add(s, n.summary[l]);
        add(s, n.summary[other]);
        add(s, `${n.name[l]} ${n.aliases[l].join(' ')}`);
      }
      for (const s of n.method ? sentencesOf(n.method.when[l], l) : []) {
        add(s, n.summary[l]);
        add(s, n.summary[other]);
      }
    }
    for (const e of n.edges) {
      const near = bySlug.get(e.to);
      if (!near || near.kind === 'source') continue;
      for (const l of LANGUAGES) add(n.summary[l], near.summary[l], 0.25);
    }
  }
  return pairs;
}
