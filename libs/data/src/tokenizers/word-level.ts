import { badTokenizer, text, vocabularyOf } from './settings.js';
import type { Component, TokenModel } from './types.js';

/** A token for each piece. */
export function wordLevel(c: Component): TokenModel {
  const vocabulary = vocabularyOf(c);
  const unknown = vocabulary.get(text(c, 'unk_token', ''));
  return {
    vocabulary,
    tokenize(piece) {
      const id = vocabulary.get(piece) ?? unknown;
      if (id === undefined)
        throw badTokenizer(
          `the text holds "${piece.slice(0, 40)}", and its vocabulary has no token for unknown words`,
          'model.unk_token',
        );
      return { ids: [id], starts: [0], ends: [piece.length] };
    },
  };
}

/** WordPiece (Schuster and Nakajima 2012; Devlin et al. 2018): the longest token that fits, again and again; a word that cannot be covered is unknown. */
export function wordPiece(c: Component): TokenModel {
  const vocabulary = vocabularyOf(c);
  const prefix = text(c, 'continuing_subword_prefix', '##');
  const unknown = vocabulary.get(text(c, 'unk_token', '[UNK]'));
  const most = typeof c['max_input_chars_per_word'] === 'number' ? c['max_input_chars_per_word'] : 100;
  let longest = 0;
  for (const token of vocabulary.keys()) longest = Math.max(longest, token.length);
  const whole = (piece: string): ReturnType<TokenModel['tokenize']> => {
    if (unknown === undefined) throw badTokenizer('its vocabulary has no token for unknown words', 'model.unk_token');
    return { ids: [unknown], starts: [0], ends: [piece.length] };
  };
  return {
    vocabulary,
    tokenize(piece) {
      if (piece.length > most && [...piece].length > most) return whole(piece);
      const ids: number[] = [];
      const starts: number[] = [];
      const ends: number[] = [];
      for (let start = 0; start < piece.length;) {
        let end = Math.min(piece.length, start + longest);
        let id: number | undefined;
        for (; end > start; end--) {
          const part = piece.slice(start, end);
          id = vocabulary.get(start > 0 ? prefix + part : part);
          if (id !== undefined) break;
        }
        if (id === undefined) return whole(piece);
        ids.push(id);
        starts.push(start);
        ends.push(end);
        start = end;
      }
      return { ids, starts, ends };
    },
  };
}
