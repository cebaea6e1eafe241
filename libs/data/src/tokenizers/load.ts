import { splitterOf } from './added-tokens.js';
import { aligned, endOf, slice, startOf, type Aligned } from './aligned.js';
import { bpe } from './bpe.js';
import { decoderOf } from './decoders.js';
import { normalizerOf } from './normalizers.js';
import { postProcessorOf } from './post-processors.js';
import { preTokenizerOf } from './pre-tokenizers.js';
import { badTokenizer, unsupported } from './settings.js';
import type { AddedToken, Component, Encoding, TokenModel, Tokenizer, TokenizerJson } from './types.js';
import { unigram } from './unigram.js';
import { wordLevel, wordPiece } from './word-level.js';

/** Older files name no type: it is seen from what the model has. */
function modelType(c: Component): string {
  if (typeof c.type === 'string') return c.type;
  if (Array.isArray(c['merges'])) return 'BPE';
  if (Array.isArray(c['vocab'])) return 'Unigram';
  return 'continuing_subword_prefix' in c ? 'WordPiece' : 'WordLevel';
}

function modelOf(c: Component): TokenModel {
  switch (modelType(c)) {
    case 'BPE':
      return bpe(c);
    case 'WordPiece':
      return wordPiece(c);
    case 'Unigram':
      return unigram(c);
    case 'WordLevel':
      return wordLevel(c);
    default:
      throw unsupported('model', c);
  }
}

function parse(json: unknown): TokenizerJson {
  let value = json;
  if (typeof value === 'string')
    try {
      value = JSON.parse(value);
    } catch (e) {
      throw badTokenizer('it is not JSON', '', e);
    }
  if (typeof value !== 'object' || value === null || !('model' in value) || typeof value.model !== 'object')
    throw badTokenizer('it has no "model". A tokenizer.json of Hugging Face’s tokenizers library is needed', 'model');
  const given = value as Partial<TokenizerJson>;
  return {
    version: given.version ?? '1.0',
    truncation: given.truncation ?? null,
    padding: given.padding ?? null,
    added_tokens: given.added_tokens ?? [],
    normalizer: given.normalizer ?? null,
    pre_tokenizer: given.pre_tokenizer ?? null,
    post_processor: given.post_processor ?? null,
    decoder: given.decoder ?? null,
    model: given.model as Component,
  };
}

/**
 * A tokenizer from a Hugging Face `tokenizer.json` (its text or its parsed value): same ids, offsets and texts as the Rust and Python library gives. `truncation` and
 * `padding` of the file are kept but not applied: the caller decides them.
 * @throws StrataError `invalid_data`, naming the part that is broken or of a kind that is not supported
 */
export function loadTokenizer(source: string | TokenizerJson): Tokenizer {
  const json = parse(source);
  const model = modelOf(json.model);
  const normalize = normalizerOf(json.normalizer);
  const preTokenize = preTokenizerOf(json.pre_tokenizer);
  const tokens = new Map<number, string>();
  const postProcess = postProcessorOf(json.post_processor, (id) => tokens.get(id));
  const decodeTokens = decoderOf(json.decoder);
  const vocabulary = new Map(model.vocabulary);
  const special = new Set<number>();
  for (const t of json.added_tokens) {
    vocabulary.set(t.content, t.id);
    if (t.special) special.add(t.id);
  }
  for (const [token, id] of model.vocabulary) tokens.set(id, token);
  for (const t of json.added_tokens) tokens.set(t.id, t.content);
  let vocabSize = 0;
  for (const id of tokens.keys()) vocabSize = Math.max(vocabSize, id + 1);

  const raw = splitterOf(json.added_tokens.filter((t: AddedToken) => !t.normalized));
  const normal = splitterOf(
    json.added_tokens.filter((t) => t.normalized).map((t) => ({ ...t, content: normalize(aligned(t.content)).text })),
  );

  const encode: Tokenizer['encode'] = (text, options = {}): Encoding => {
    const ids: number[] = [];
    const offsets: number[] = [];
    const whole = aligned(text);
    const take = (a: Aligned): void => {
      for (const piece of preTokenize(a)) {
        if (piece.text === '') continue;
        const found = model.tokenize(piece.text);
        for (let i = 0; i < found.ids.length; i++) {
          ids.push(found.ids[i] as number);
          offsets.push(startOf(piece, found.starts[i] as number), endOf(piece, found.ends[i] as number));
        }
      }
    };
    for (const outer of raw(text)) {
      if (outer.id !== undefined) {
        ids.push(outer.id);
        offsets.push(outer.start, outer.end);
        continue;
      }
      const normalized = normalize(slice(whole, outer.start, outer.end));
      for (const inner of normal(normalized.text)) {
        if (inner.id === undefined) take(slice(normalized, inner.start, inner.end));
        else {
          ids.push(inner.id);
          offsets.push(startOf(normalized, inner.start), endOf(normalized, inner.end));
        }
      }
    }
    const done = postProcess({ ids, offsets }, options.addSpecialTokens ?? true);
    return { ids: Int32Array.from(done.ids), offsets: Int32Array.from(done.offsets) };
  };

  return {
    vocabSize,
    vocabulary,
    json,
    encode,
    decode(given, options = {}) {
      const skip = options.skipSpecialTokens ?? true;
      const kept: string[] = [];
      for (let i = 0; i < given.length; i++) {
        const id = Number(given[i]);
        const token = tokens.get(id);
        if (token !== undefined && !(skip && special.has(id))) kept.push(token);
      }
      return decodeTokens(kept);
    },
    tokenToId: (token) => vocabulary.get(token),
    idToToken: (id) => tokens.get(id),
  };
}
