/** British to American; words that only look so are changed in the index and in the query alike. */
const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/is(e|ed|es|er|ers|ing|ation|ations|able)$/, 'iz$1'],
  [/yse(d|s|r|rs)?$/, 'yze$1'],
  [/our(s|ed|ing|al|ed)?$/, 'or$1'],
  [/ll(ing|ed|er|ers)$/, 'l$1'],
  [/tre(s?)$/, 'ter$1'],
  [/ogue(s?)$/, 'og$1'],
  [/gramme(s?)$/, 'gram$1'],
  [/(lic|def|off)ence/, '$1ense'],
];
const SHORTEST_SPELT = 5;

/** A lower-case word in American spelling. */
export function spelled(word: string): string {
  if (word.length < SHORTEST_SPELT) return word;
  for (const [from, to] of SPELLINGS) if (from.test(word)) return word.replace(from, to);
  return word;
}

/** A plural or verb without its s. */
export function singular(word: string): string {
  if (word.length < 4 || !word.endsWith('s') || /[sui]s$/.test(word)) return word;
  if (word.endsWith('ies') && word.length > 4) return `${word.slice(0, -3)}y`;
  return word.slice(0, word.endsWith('sses') ? -2 : -1);
}

const VOWEL = /[aeiouy]/;

/**
 * What forms of one English word have in common: quantize, quantised and quantization give "quantiz". Lighter than Porter's algorithm (1980):
 * plurals, -ing, -ed, -ion and a last e, and nothing that turns one noun into another.
 */
export function stem(word: string): string {
  let w = singular(spelled(word));
  if (w.length < 4) return w;
  // "embed" and "speed" are no past tenses
  const suffix = w.endsWith('ing') ? 3 : /[^e]ed$/.test(w) && !w.endsWith('mbed') ? 2 : 0;
  const base = w.slice(0, w.length - suffix);
  if (suffix && base.length > 2 && VOWEL.test(base)) w = /([^aeioulsz])\1$/.test(base) ? base.slice(0, -1) : base;
  else if (/[st]ion$/.test(w) && w.length > 5) w = w.slice(0, -3);
  if (w.endsWith('izat')) return w.slice(0, -2);
  return w.length > 3 && w.endsWith('e') ? w.slice(0, -1) : w.replace(/y$/, 'i');
}
