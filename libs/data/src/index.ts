export {
  columnIndex,
  loadColumns,
  numbersOf,
  textsOf,
  type LoadOptions,
  type NumberColumn,
  type Table,
  type TableColumn,
  type TextColumn,
} from './columns.js';
export { CONLL_COLUMNS, readConll } from './conll.js';
export { describeFile, type DescribeOptions } from './describe.js';
export { decodePicture, pictureFormat, type ImageSize } from './images/picture.js';
export {
  IMAGE_COLUMNS,
  imageBatches,
  loadImages,
  openImages,
  type ImageArchive,
  type ImageTable,
  type LoadImagesOptions,
} from './images/images.js';
export { hashNgrams, hashNgramsBatch, normaliseText, padIds, tokens, type NgramBatch } from './ngrams.js';
export { readObjects, readRows, type ReadOptions, type RowBatch, type RowFormat } from './rows.js';
export { batchIndices, kFold, trainTestSplit, type Split } from './split.js';
export { suggestTask } from './task.js';
export { readText } from './text.js';
export { encodeWithin, padTokens, type TokenBatch } from './tokenizers/batch.js';
export { loadTokenizer } from './tokenizers/load.js';
export {
  BPE_UNITS,
  DEFAULT_SPECIAL_TOKENS,
  TOKENIZER_TYPES,
  trainTokenizer,
  type BpeUnit,
  type TokenizerType,
  type TrainTokenizerOptions,
} from './tokenizers/train.js';
export type { AddedToken, Encoding, Tokenizer, TokenizerJson } from './tokenizers/types.js';
export { DEFAULT_MISSING, parseNumber, quoteList, type Cell } from './values.js';
export { csvWriter, writeCsv, type CsvWriter, type WritableCell } from './write.js';
