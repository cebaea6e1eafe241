import { createLexicon, type Lexicon } from './lexicon.js';
import { stem } from './stems.js';
import { isStopWord } from './stop.js';
import type { Piece } from './tokens.js';

/** Terms of one index, by the words as they are written. */
export interface Dictionary {
  /** The term of a Latin word. */
  word(word: string): number | undefined;
  /** The term of one Chinese character or of two neighbours. */
  han(chars: string): number | undefined;
  /** Latin words. */
  readonly lexicon: Lexicon;
}
export interface DictionaryBuilder {
  /** Calls `found` with every term of the pieces; `named`: also words run together, and single characters. */
  terms(pieces: readonly Piece[], named: boolean, found: (term: number) => void): void;
  finish(): Dictionary;
}

const hanKey = (text: string, at: number, length: number): number =>
  length === 1 ? text.charCodeAt(at) : text.charCodeAt(at) * 0x10000 + text.charCodeAt(at + 1);
const DIGIT = /\d/;

/** Words may be run together: "fine-tuning" is "finetuning"; numbers and words that say nothing only at a dash, "GPT-4" is "gpt4". */
export const joinable = (a: Piece, b: Piece): boolean =>
  !a.han && !b.han && (b.dashed || (!alone(a.text) && !alone(b.text)));
const alone = (word: string): boolean => DIGIT.test(word) || isStopWord(word);

/** A copy that does not hold the long text it was cut from. */
const own = (word: string): string => Buffer.from(word).toString();

export function createDictionary(): DictionaryBuilder {
  const words = new Map<string, number>();
  const stems = new Map<string, number>();
  const hans = new Map<number, number>();
  let terms = 0;

  const wordTerm = (text: string): number => {
    const known = words.get(text);
    if (known !== undefined) return known;
    const s = own(stem(text));
    const term = stems.get(s) ?? terms++;
    stems.set(s, term);
    words.set(own(text), term);
    return term;
  };
  const hanTerm = (text: string, at: number, length: number): number => {
    const key = hanKey(text, at, length);
    const term = hans.get(key) ?? terms++;
    hans.set(key, term);
    return term;
  };

  return {
    terms(pieces, named, found) {
      let before: Piece | undefined;
      for (const piece of pieces) {
        const { text } = piece;
        if (piece.han) {
          if (named || text.length === 1) for (let i = 0; i < text.length; i++) found(hanTerm(text, i, 1));
          for (let i = 0; i + 1 < text.length; i++) found(hanTerm(text, i, 2));
        } else {
          if (!isStopWord(text)) found(wordTerm(text));
          if (named && before && joinable(before, piece)) found(wordTerm(before.text + text));
        }
        before = piece;
      }
    },
    finish: () => ({
      word: (word) => words.get(word) ?? stems.get(stem(word)),
      han: (chars) => hans.get(hanKey(chars, 0, chars.length)),
      lexicon: createLexicon(words.keys()),
    }),
  };
}
