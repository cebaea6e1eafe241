import { type Dictionary, joinable } from './dictionary.js';
import type { Pinyin } from './pinyin.js';
import { singular, spelled } from './stems.js';
import { isStopWord, stopsIn } from './stop.js';
import { pieces, type Piece } from './tokens.js';

/** A Latin word or one Chinese character of a query. */
export interface Atom extends Piece {
  /** It only makes a question of the rest. */
  readonly stop: boolean;
}
/** A way to read a query, and how much it is to be believed. */
export interface Reading {
  readonly atoms: readonly Atom[];
  readonly weight: number;
}

/** What is longer was pasted, and its beginning says enough. */
const LONGEST_QUERY = 400;
const MOST_ATOMS = 64;
const MOST_READINGS = 4;
/** Unknown words of one query that are guessed at. */
const MOST_GUESSED = 8;
/** Words that may be typed wrong, and from which length twice. */
const SHORTEST_TYPO = 4;
const SHORTEST_TWO_TYPOS = 8;
const SHORTEST_BEGINNING = 3;
const MOST_COMPLETIONS = 8;
/** Pinyin of so many words at most is put together. */
const LONGEST_PINYIN = 8;
/** Syllables that are all English words too are pinyin only together, from so many letters on. */
const SHORTEST_PINYIN = 6;
/** Initials that stand for more names say nothing. */
const MOST_BY_INITIALS = 4;

const WEIGHTS = {
  pinyin: 0.95,
  initials: 0.85,
  oneEdit: 0.9,
  twoEdits: 0.75,
  begun: 0.6,
  complete: 0.25,
  joined: 0.6,
  single: 0.5,
};

const atomsOf = (list: readonly Piece[]): Atom[] =>
  list.flatMap((piece) => {
    if (!piece.han) return [{ ...piece, stop: isStopWord(piece.text) }];
    const stops = stopsIn(piece.text);
    return [...piece.text].map((text, i) => ({ text, han: true, dashed: false, stop: stops[i] ?? false }));
  });

/** A name as it is looked up: no blanks and dashes, American, singular. */
export const keyOf = (list: readonly Piece[]): string =>
  list.map((p, i) => (i === list.length - 1 ? lastPart(p, keyPart(p)) : keyPart(p))).join('');

const keyPart = (p: Piece): string => (p.han ? p.text : spelled(p.text));
const lastPart = (p: Piece, part: string): string => (p.han ? part : singular(part));

/** How little a word is spread, by what BM25 makes of it. */
type Rarity = (word: string) => number;

interface Guess {
  readonly text: string;
  readonly weight: number;
}

/** What a word that no entry holds may have been meant to be, the likeliest first. */
function guesses(word: string, { lexicon }: Dictionary, pinyin: Pinyin, rarity: Rarity): Guess[] {
  const found: Guess[] = [];
  const put = (texts: readonly string[], weight: number): void =>
    void found.push(...texts.map((text) => ({ text, weight })));
  const byInitials = pinyin.begin(word);
  if (byInitials.length <= MOST_BY_INITIALS) put(byInitials, WEIGHTS.initials);
  if (word.length >= SHORTEST_TYPO) {
    const edits = word.length >= SHORTEST_TWO_TYPOS ? 2 : 1;
    const near = lexicon.near(word, edits);
    const nearest = near[0]?.distance ?? 0;
    // the first letter is rarely wrong, and what many entries hold is likelier meant
    const rank = (w: string): number => (w[0] === word[0] ? 100 : 0) - rarity(w);
    const best = near.filter((n) => n.distance === nearest).map((n) => n.word);
    put(
      best.sort((a, b) => rank(b) - rank(a)).slice(0, MOST_READINGS),
      nearest > 1 ? WEIGHTS.twoEdits : WEIGHTS.oneEdit,
    );
    const begun = pinyin.readings.completions(word).slice(0, 2);
    const typed = begun.length || word.length < SHORTEST_TWO_TYPOS ? [] : pinyin.readings.near(word, 1).slice(0, 2);
    for (const reading of [...begun, ...typed.map((n) => n.word)]) put(pinyin.read(reading).slice(0, 1), WEIGHTS.begun);
  }
  return found.sort((a, b) => b.weight - a.weight);
}

/** The query as it stands, and as it may be meant: typing errors mended, pinyin as Chinese. */
export function readingsOf(query: string, dictionary: Dictionary, pinyin: Pinyin, rarity: Rarity): Reading[] {
  const atoms = atomsOf(pieces(query.slice(0, LONGEST_QUERY))).slice(0, MOST_ATOMS);
  const known = atoms.map((a) => a.han || a.stop || dictionary.word(a.text) !== undefined);
  /** What may stand in place of the atoms from here on, and how many it replaces. */
  const slots: { length: number; choices: Guess[] }[] = [];
  let guessed = 0;
  for (let i = 0; i < atoms.length;) {
    const slot = slotAt(atoms, known, i, pinyin) ?? {
      length: 1,
      choices:
        known[i] || guessed++ >= MOST_GUESSED ? [] : splitOrGuessed(atoms[i]?.text ?? '', dictionary, pinyin, rarity),
    };
    slots.push(slot);
    i += slot.length;
  }
  const readings: Reading[] = [{ atoms, weight: 1 }];
  const most = Math.max(...slots.map((s) => s.choices.length), 0);
  for (let choice = 0; choice < Math.min(most, MOST_READINGS); choice++) {
    let at = 0;
    let weight = 1;
    const read = slots.flatMap(({ length, choices }) => {
      const here = atoms.slice(at, at + length);
      at += length;
      const guess = choices[choice] ?? choices[0];
      if (!guess) return here;
      weight = Math.min(weight, guess.weight);
      return atomsOf(pieces(guess.text)).map((a) => ({ ...a, stop: false }));
    });
    readings.push({ atoms: read, weight });
  }
  return readings;
}

/** The longest run of Latin words from here on that reads as pinyin. */
function slotAt(
  atoms: readonly Atom[],
  known: readonly boolean[],
  from: number,
  pinyin: Pinyin,
): { length: number; choices: Guess[] } | undefined {
  let best: { length: number; choices: Guess[] } | undefined;
  let joined = '';
  let strange = false;
  for (let i = from; i < Math.min(atoms.length, from + LONGEST_PINYIN); i++) {
    const atom = atoms[i];
    if (!atom || atom.han) break;
    joined += atom.text;
    strange ||= !known[i];
    const texts = pinyin.read(joined);
    if (texts.length && (strange || (i > from && joined.length >= SHORTEST_PINYIN)))
      best = { length: i - from + 1, choices: texts.map((text) => ({ text, weight: WEIGHTS.pinyin })) };
  }
  return best;
}

const LETTERS_AND_DIGITS = /^(\p{L}+)(\d+)$/u;

/** "llama3" is "llama 3" where nobody writes it in one word. */
function splitOrGuessed(word: string, dictionary: Dictionary, pinyin: Pinyin, rarity: Rarity): Guess[] {
  const parts = LETTERS_AND_DIGITS.exec(word)?.slice(1) ?? [];
  return parts[0] && dictionary.word(parts[0]) !== undefined
    ? [{ text: parts.join(' '), weight: WEIGHTS.pinyin }]
    : guesses(word, dictionary, pinyin, rarity);
}

/** Terms of a query with what each counts. */
export function termsOf(readings: readonly Reading[], dictionary: Dictionary, rarity: Rarity): Map<number, number> {
  const terms = new Map<number, number>();
  const put = (term: number | undefined, weight: number): void => {
    if (term !== undefined) terms.set(term, Math.max(terms.get(term) ?? 0, weight));
  };
  for (const { atoms, weight } of readings)
    atoms.forEach((atom, i) => {
      const next = atoms[i + 1];
      if (!atom.stop && !atom.han) put(dictionary.word(atom.text), weight);
      if (next && joinable(atom, next)) put(dictionary.word(atom.text + next.text), weight * WEIGHTS.joined);
      if (atom.stop || !atom.han) return;
      const pair = next?.han && !next.stop;
      if (pair) put(dictionary.han(atom.text + next.text), weight);
      // a single character says little where it stands among others
      else if (!(atoms[i - 1]?.han && !atoms[i - 1]?.stop)) put(dictionary.han(atom.text), weight * WEIGHTS.single);
    });

  const atoms = readings[0]?.atoms ?? [];
  const last = atoms.at(-1);
  for (const atom of atoms) {
    const unknown = dictionary.word(atom.text) === undefined;
    if (atom.han || atom.stop || atom.text.length < SHORTEST_BEGINNING || !(unknown || atom === last)) continue;
    const own = rarity(atom.text);
    const begun = dictionary.lexicon.completions(atom.text).map((word) => ({ word, rare: rarity(word) }));
    for (const { word, rare } of begun.sort((a, b) => a.rare - b.rare).slice(0, MOST_COMPLETIONS)) {
      // a word that is complete counts more than rare ones that it begins, unless itself is rarer: then it was hardly meant
      const weight = unknown || own > rare ? 1 : (WEIGHTS.complete * own) / rare;
      put(dictionary.word(word), (WEIGHTS.begun * weight * atom.text.length) / word.length);
    }
  }
  return terms;
}

/** A part of a query that may be a name. */
export interface Span {
  readonly key: string;
  readonly from: number;
  readonly to: number;
}

const LONGEST_SPAN = 14;

/** All parts of a reading that may be names, the longest first. */
export function spansOf(atoms: readonly Atom[]): Span[] {
  const inner = atoms.map(keyPart);
  const outer = atoms.map((a, i) => lastPart(a, inner[i] ?? ''));
  const spans: Span[] = [];
  for (let length = Math.min(LONGEST_SPAN, atoms.length); length > 0; length--)
    for (let from = 0, to = length; to <= atoms.length; from++, to++) {
      let key = '';
      let told = length === atoms.length;
      for (let i = from; i < to; i++) {
        key += i === to - 1 ? outer[i] : inner[i];
        told ||= !atoms[i]?.stop;
      }
      if (told) spans.push({ key, from, to });
    }
  return spans;
}

/** How much of what is asked lies in these atoms; a Latin word counts two characters. */
export function massOf(atoms: readonly Atom[], from = 0, to = atoms.length): number {
  let mass = 0;
  for (let i = from; i < to; i++) if (!atoms[i]!.stop) mass += atoms[i]!.han ? 1 : 2;
  return mass;
}
