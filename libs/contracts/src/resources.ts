import { z } from 'zod';
import { Blob, ColumnType, DatasetFormat, ModelManifest } from './artifacts.js';
import { ErrorWhere, ResourceName } from './jobs.js';

/** RFC 9457 problem details; `type` is `/api/errors/{code}`. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    retryable: z.boolean(),
    where: ErrorWhere.optional(),
    request_id: z.string(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

/** Every list: `after` takes the id of the last item seen. */
export const ListQuery = z.strictObject({
  after: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export type ListQuery = z.infer<typeof ListQuery>;
export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({ object: z.literal('list'), data: z.array(item), has_more: z.boolean(), next: z.string().nullable() });

export const SCOPES = ['read', 'write', 'admin'] as const;
export const Scope = z.enum(SCOPES);
export type Scope = z.infer<typeof Scope>;

export const CreateKey = z
  .strictObject({
    name: z.string().min(1).max(64),
    scopes: z.array(Scope).min(1).default(['read', 'write']),
    expires_at: z.iso.datetime().optional(),
  })
  .meta({ id: 'CreateKey' });
export type CreateKey = z.infer<typeof CreateKey>;
export const KeyView = z
  .object({
    object: z.literal('key'),
    id: z.string(),
    tenant: z.string(),
    name: z.string(),
    prefix: z.string().describe('first characters of the secret, to recognise it'),
    scopes: z.array(Scope),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime().nullable(),
    revoked_at: z.iso.datetime().nullable(),
    last_used_at: z.iso.datetime().nullable(),
    secret: z.string().optional().describe('only in the answer that made it'),
  })
  .meta({ id: 'Key' });
export type KeyView = z.infer<typeof KeyView>;

export const CreateTenant = z.strictObject({ name: ResourceName }).meta({ id: 'CreateTenant' });
export type CreateTenant = z.infer<typeof CreateTenant>;
export const TenantView = z
  .object({ object: z.literal('tenant'), id: z.string(), name: z.string(), created_at: z.iso.datetime() })
  .meta({ id: 'Tenant' });
export type TenantView = z.infer<typeof TenantView>;

export const FileView = z
  .object({
    object: z.literal('file'),
    id: z.string(),
    filename: z.string(),
    bytes: z.number().int(),
    sha256: z.string(),
    media_type: z.string(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'File' });
export type FileView = z.infer<typeof FileView>;

export const CreateDataset = z
  .strictObject({
    file: z.string().describe('id of an uploaded file'),
    name: ResourceName.optional(),
    format: z.enum(['auto', 'csv', 'jsonl', 'text', 'conll', 'images']).default('auto'),
    delimiter: z.enum([',', '\t', ';', '|']).optional(),
    header: z.boolean().optional().describe('found out when absent'),
    columns: z.array(z.string().min(1)).optional().describe('names, for a file without a header'),
    types: z.record(z.string(), ColumnType).default({}).describe('overrides what was inferred'),
  })
  .meta({ id: 'CreateDataset' });
export type CreateDataset = z.infer<typeof CreateDataset>;

/** What can be learned from a dataset when a target column is chosen. */
export const TaskSuggestion = z
  .object({
    target: z.string(),
    task: z.enum(['text-classification', 'tabular-classification', 'tabular-regression', 'image-classification']),
    recipe: z.string(),
    text_column: z.string().nullable(),
    reason: z.object({ en: z.string(), zh: z.string() }),
  })
  .meta({ id: 'TaskSuggestion' });
export type TaskSuggestion = z.infer<typeof TaskSuggestion>;

export const DatasetView = z
  .object({
    object: z.literal('dataset'),
    id: z.string(),
    name: z.string(),
    file: Blob,
    format: DatasetFormat,
    source: z.object({ file: z.string().nullable(), job: z.string().nullable(), output: z.string().nullable() }),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Dataset' });
export type DatasetView = z.infer<typeof DatasetView>;

export const ModelVersionView = z
  .object({
    object: z.literal('model_version'),
    id: z.string(),
    model: z.string(),
    version: z.number().int(),
    aliases: z.array(z.string()),
    manifest: ModelManifest,
    files: z.record(z.string(), Blob),
    size: z.number().int(),
    lineage: z.object({
      job: z.string().nullable(),
      recipe: z.string().nullable(),
      inputs: z.record(z.string(), z.string()).describe('ids of the datasets and model versions it was made from'),
    }),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'ModelVersion' });
export type ModelVersionView = z.infer<typeof ModelVersionView>;

export const ModelView = z
  .object({
    object: z.literal('model'),
    id: z.string(),
    name: z.string(),
    latest_version: z.number().int(),
    deployed_version: z.number().int().nullable(),
    aliases: z.record(z.string(), z.number().int()),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Model' });
export type ModelView = z.infer<typeof ModelView>;

export const DeployModel = z
  .strictObject({
    version: z
      .union([z.number().int().min(1), z.string().max(64)])
      .default('latest')
      .describe('number or alias'),
  })
  .meta({ id: 'DeployModel' });
export const DeploymentView = z
  .object({
    object: z.literal('deployment'),
    model: z.string(),
    version: z.number().int(),
    state: z.enum(['ready', 'loading', 'unavailable']),
    url: z.string(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Deployment' });
export type DeploymentView = z.infer<typeof DeploymentView>;

/** One input per row: an object of column values for a tabular model, a string (or `{text}`) for a text model. */
export const PredictRequest = z
  .strictObject({
    inputs: z
      .array(z.union([z.string(), z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))]))
      .min(1)
      .max(10_000),
    version: z
      .union([z.number().int().min(1), z.string().max(64)])
      .optional()
      .describe('instead of the deployed one'),
  })
  .meta({ id: 'PredictRequest' });
export type PredictRequest = z.infer<typeof PredictRequest>;
export const Prediction = z.union([
  z.object({ label: z.string(), probability: z.number(), probabilities: z.record(z.string(), z.number()) }),
  z.object({ value: z.number() }),
  z.object({
    tags: z
      .array(
        z.object({
          text: z.string(),
          start: z.number().int(),
          end: z.number().int(),
          label: z.string(),
          probability: z.number(),
        }),
      )
      .describe('the words of a text with their labels; start and end count UTF-16 units'),
  }),
]);
export type Prediction = z.infer<typeof Prediction>;
export const PredictResponse = z
  .object({
    model: z.string(),
    version: z.number().int(),
    predictions: z.array(Prediction),
    usage: z.object({ rows: z.number().int(), compute_ms: z.number() }),
  })
  .meta({ id: 'PredictResponse' });
export type PredictResponse = z.infer<typeof PredictResponse>;
