import { stem } from '../search/stems.js';
import { isStopWord, stopsIn } from '../search/stop.js';
import { pieces } from '../search/tokens.js';

/** Version of what `essenceOf` does: a model is good for the texts that it was trained on only. */
export const ESSENCE = 1;

/**
 * What a text is about, for the model of meanings: English words by their stems, Chinese as it is, without the words that questions are made of.
 * A map has few texts: forms of one word that are learned apart are each learned from too little.
 */
export function essenceOf(text: string): string {
  const words: string[] = [];
  for (const { text: piece, han } of pieces(text)) {
    if (!han) {
      if (!isStopWord(piece)) words.push(stem(piece));
      continue;
    }
    const stops = stopsIn(piece);
    words.push(Array.from({ length: piece.length }, (_, i) => (stops[i] ? ' ' : piece[i])).join(''));
  }
  return words.join(' ').replace(/ +/g, ' ').trim();
}
