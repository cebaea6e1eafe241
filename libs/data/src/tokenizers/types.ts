/** A part of a `tokenizer.json` (normalizer, pre-tokenizer, model, post-processor, decoder): its type and that type's settings. */
export interface Component {
  readonly type?: string;
  readonly [setting: string]: unknown;
}

/** A token that is found in the text before the model sees it. Field names are those of the file. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Only where no word character stands beside it. */
  readonly single_word: boolean;
  /** Takes the white space to its left, or right, with it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Looked for in the normalised text; otherwise in the text as it came. */
  readonly normalized: boolean;
  /** Left out by `decode`. */
  readonly special: boolean;
}

/** The file `tokenizer.json` of Hugging Face's `tokenizers` library, version 1.0. */
export interface TokenizerJson {
  readonly version: string;
  readonly truncation: unknown;
  readonly padding: unknown;
  readonly added_tokens: readonly AddedToken[];
  readonly normalizer: Component | null;
  readonly pre_tokenizer: Component | null;
  readonly post_processor: Component | null;
  readonly decoder: Component | null;
  readonly model: Component;
}

export interface Encoding {
  readonly ids: Int32Array;
  /** [2 · ids.length]: first and last + 1 UTF-16 unit of the text that each token covers, so that `text.slice(start, end)` is its source; 0, 0 for tokens that were added. */
  readonly offsets: Int32Array;
}

export interface Tokenizer {
  /** Largest id + 1: rows of an embedding table. */
  readonly vocabSize: number;
  /** `addSpecialTokens`: what the post-processor adds, such as [CLS] and [SEP]; true by default. */
  encode(text: string, options?: { readonly addSpecialTokens?: boolean }): Encoding;
  /** `skipSpecialTokens` is true by default. Ids that have no token are left out. */
  decode(ids: ArrayLike<number>, options?: { readonly skipSpecialTokens?: boolean }): string;
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
  /** Tokens by id, added ones included. */
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly json: TokenizerJson;
}

/** A model splits a piece of text into tokens: `ids[i]` covers the UTF-16 units [`starts[i]`, `ends[i]`) of the piece. */
export interface Pieces {
  readonly ids: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

export interface TokenModel {
  tokenize(piece: string): Pieces;
  readonly vocabulary: ReadonlyMap<string, number>;
}
