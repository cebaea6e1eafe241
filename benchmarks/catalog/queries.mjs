import { readFileSync } from 'node:fs';
import { createRng } from '@strata/kernel';
import { pinyin } from 'pinyin-pro';

const fixture = (name) =>
  JSON.parse(readFileSync(new URL(`../../apps/catalog/src/search/${name}.fixture.json`, import.meta.url), 'utf8'));

/** One mistake of typing inside a word: two letters exchanged, one left out, one twice or a wrong one. */
function mistyped(text, rng) {
  const at = [...text].flatMap((c, i) => (i > 0 && /[a-z]/.test(c) && /[a-z]/.test(text[i + 1] ?? '') ? [i] : []));
  if (!at.length) return text;
  const i = at[Math.floor(rng.next() * at.length)];
  const [head, a, b, tail] = [text.slice(0, i), text[i], text[i + 1], text.slice(i + 2)];
  const wrong = String.fromCharCode(97 + Math.floor(rng.next() * 26));
  return [head + b + a + tail, head + b + tail, head + a + a + b + tail, head + wrong + b + tail][
    Math.floor(rng.next() * 4)
  ];
}

/**
 * What people type, drawn from the map itself and from the questions of its specs, the same at every run.
 * @param {readonly import('@strata/map').Entry[]} entries of the map before it was multiplied
 * @param {{ count: number, seed?: number, copies?: number }} options `copies`: of a multiplied map, whose names have numbers; every second name is asked for with one
 * @returns {string[]}
 */
export function drawQueries(entries, { count, seed = 1, copies = 1 }) {
  const rng = createRng(seed);
  const one = (list) => list[Math.floor(rng.next() * list.length)];
  const { en, zh } = fixture('questions');
  const questions = [...en, ...zh].map((q) => q.query);
  const facts = fixture('facts').flatMap((f) => [f.en, f.zh]);
  const aliases = entries.flatMap((e) => [...e.aliases.en, ...e.aliases.zh]);
  const numbered = (name) =>
    copies > 1 && rng.next() < 0.5 ? `${name} ${1 + Math.floor(rng.next() * (copies - 1))}` : name;
  const kinds = [
    () => numbered(one(entries).name.en),
    () => numbered(one(entries).name.zh),
    () => one(aliases),
    () => one(questions),
    () => one(facts),
    () => mistyped(one(entries).name.en, rng),
    () => pinyin(one(entries).name.zh, { toneType: 'none', type: 'array', nonZh: 'consecutive' }).join(''),
    // two words of different entries, as somebody who looks for both
    () => `${one(aliases)} ${one(entries).name.en}`,
  ];
  return Array.from({ length: count }, (_, i) => kinds[i % kinds.length]());
}

/** Slugs to get, each entry as likely as any other. */
export function drawSlugs(slugs, { count, seed = 2 }) {
  const rng = createRng(seed);
  return Array.from({ length: count }, () => slugs[Math.floor(rng.next() * slugs.length)]);
}
