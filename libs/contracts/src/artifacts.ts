import { z } from 'zod';

/** A stored content: its SHA-256 in lower-case hex is its name. */
export const Blob = z
  .object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), size: z.number().int().min(0) })
  .meta({ id: 'Blob' });
export type Blob = z.infer<typeof Blob>;

/** Kind of a column: `number` (float32 after parsing), `category` (few distinct strings), `text` (free text), `boolean`, `id` (unique in each row: not a feature), `empty`. */
export const ColumnType = z.enum(['number', 'category', 'text', 'boolean', 'id', 'empty']);
export type ColumnType = z.infer<typeof ColumnType>;

export const Column = z
  .object({
    name: z.string(),
    type: ColumnType,
    missing: z.number().int().describe('rows in which the value is missing'),
    distinct: z.number().int().describe('distinct values seen, counted up to 10000'),
    examples: z.array(z.string()).max(5),
    min: z.number().optional(),
    max: z.number().optional(),
    mean: z.number().optional(),
  })
  .meta({ id: 'Column' });
export type Column = z.infer<typeof Column>;

/** How to read a dataset's file and what is in it. */
export const DatasetFormat = z
  .object({
    format: z
      .enum(['csv', 'jsonl', 'text', 'conll', 'images'])
      .describe(
        'text: plain text, a row for each line that is not blank; conll: a token and its tag on a line, a blank line after each sentence; images: a ZIP archive of pictures in folders named by their class, or of IDX files',
      ),
    delimiter: z.string().max(1).default(',').describe('one character; csv only'),
    quote: z.string().max(1).optional().describe('one character, empty for none, a double quote when absent; csv only'),
    header: z.boolean().default(true).describe('the first line holds the column names; csv only'),
    columns: z.array(Column).describe('in file order'),
    rows: z.number().int(),
    missing_values: z
      .array(z.string())
      .default(['', '?', 'NA', 'N/A', 'NaN', 'nan', 'null', 'NULL'])
      .describe('cells that count as missing'),
  })
  .meta({ id: 'DatasetFormat' });
export type DatasetFormat = z.infer<typeof DatasetFormat>;

/** Open Inference Protocol datatypes that Strata's models use. */
export const Datatype = z.enum(['BOOL', 'INT8', 'UINT8', 'INT32', 'INT64', 'FP16', 'FP32', 'FP64', 'BYTES']);
export type Datatype = z.infer<typeof Datatype>;

export const TensorSpec = z
  .object({ name: z.string(), datatype: Datatype, shape: z.array(z.number().int()).describe('-1: any size') })
  .meta({ id: 'TensorSpec' });
export type TensorSpec = z.infer<typeof TensorSpec>;

/**
 * How raw text becomes the graph's inputs, outside the graph: lower-cased NFKC text, its word and character n-grams hashed into
 * buckets. The graph takes `ids` int64 [N, L] (0 pads, buckets count from 1).
 */
export const HashedNgrams = z.object({
  kind: z.literal('hashed-ngrams'),
  buckets: z.number().int(),
  word_ngrams: z
    .tuple([z.number().int(), z.number().int()])
    .describe('shortest and longest word n-gram; [0, 0] for none'),
  char_ngrams: z
    .tuple([z.number().int(), z.number().int()])
    .describe('shortest and longest character n-gram; [0, 0] for none'),
  max_ngrams: z.number().int().describe('n-grams kept for each text'),
  lowercase: z.boolean(),
});
export type HashedNgrams = z.infer<typeof HashedNgrams>;

/**
 * Text through the tokenizer that lies in the model's folder. The graph takes `input_ids` int64 [N, L] and, when it declares it, `attention_mask` int64 [N, L] (1 real, 0 padding).
 */
export const TokenizerPreprocess = z.object({
  kind: z.literal('tokenizer'),
  file: z.string().describe('Hugging Face tokenizer.json in the model folder'),
  max_length: z.number().int().describe('tokens kept of each text, special tokens included'),
  pad_id: z.number().int(),
});
export type TokenizerPreprocess = z.infer<typeof TokenizerPreprocess>;

/**
 * An encoded picture (PNG, JPEG) as numbers: resized to height × width, divided by 255, then (x − mean) / std for each channel. The graph takes `pixel_values` float32
 * [N, channels, height, width].
 */
export const ImagePreprocess = z.object({
  kind: z.literal('image'),
  height: z.number().int(),
  width: z.number().int(),
  channels: z.union([z.literal(1), z.literal(3)]),
  mean: z.array(z.number()),
  std: z.array(z.number()),
});
export type ImagePreprocess = z.infer<typeof ImagePreprocess>;

export const Preprocess = z.discriminatedUnion('kind', [HashedNgrams, TokenizerPreprocess, ImagePreprocess]);
export type Preprocess = z.infer<typeof Preprocess>;

/** `model.json` in a model's folder, beside `model.onnx`. */
export const ModelManifest = z
  .object({
    format: z.literal('strata-model/1'),
    task: z.enum([
      'classification',
      'regression',
      'token-classification',
      'masked-lm',
      'causal-lm',
      'embedding',
      'tokenizer',
      'other',
    ]),
    recipe: z.string(),
    recipe_version: z.number().int(),
    /** What a caller sends: raw values. A tabular model has one input [N, 1] for each feature column; a text model has `text` BYTES [N]; an image model `image` BYTES [N], the encoded picture. */
    inputs: z.array(TensorSpec),
    /** Classification: `label` BYTES [N] and `probabilities` FP32 [N, C]; regression: `prediction` FP32 [N]; token classification: `label` BYTES [N, L], `probabilities` FP32 [N, L, C] and `offsets` INT64 [N, L, 2], where in the text each token stands, filled in by the preprocessing; embedding: `embedding` FP32 [N, D] of length 1. */
    outputs: z.array(TensorSpec),
    labels: z.array(z.string()).nullable().describe('class names in the order of `probabilities`'),
    target: z.string().nullable().describe('the column that the model predicts'),
    preprocess: Preprocess.nullable().describe('null: the graph takes the raw inputs itself'),
    metrics: z.record(z.string(), z.number()),
    params: z.record(z.string(), z.unknown()),
    seed: z.number().int(),
    parameters: z.number().int().describe('trained numbers'),
    opset: z.number().int(),
    ir_version: z.number().int(),
    quantization: z.string().nullable(),
    card: z.object({ en: z.string(), zh: z.string() }).describe('model card, Markdown'),
  })
  .meta({ id: 'ModelManifest' });
export type ModelManifest = z.infer<typeof ModelManifest>;

/** Outputs of a job as recorded; every file is a blob of the artifact store. */
export const JobOutput = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('dataset'), file: Blob, format: DatasetFormat }),
    z.object({ kind: z.literal('model'), files: z.record(z.string(), Blob), manifest: ModelManifest }),
    z.object({ kind: z.literal('report'), file: Blob, media_type: z.string() }),
    z.object({ kind: z.literal('file'), file: Blob, media_type: z.string(), name: z.string() }),
  ])
  .meta({ id: 'JobOutput' });
export type JobOutput = z.infer<typeof JobOutput>;

/** An input as the worker gets it: everything needed to fetch it, nothing to look up. */
export const ResolvedInput = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('dataset'), id: z.string(), file: Blob, format: DatasetFormat }),
  z.object({ kind: z.literal('model'), id: z.string(), files: z.record(z.string(), Blob), manifest: ModelManifest }),
  z.object({ kind: z.literal('file'), id: z.string(), file: Blob, media_type: z.string(), name: z.string() }),
]);
export type ResolvedInput = z.infer<typeof ResolvedInput>;
