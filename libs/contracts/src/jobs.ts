import { ERRORS, type ErrorCode } from '@strata/kernel';
import { z } from 'zod';
import { JobOutput, ResolvedInput } from './artifacts.js';
import { QUEUES } from './recipe.js';

export const JOB_STATES = ['queued', 'waiting', 'running', 'paused', 'succeeded', 'failed', 'cancelled'] as const;
export const JobState = z.enum(JOB_STATES).meta({ id: 'JobState' });
export type JobState = z.infer<typeof JobState>;
export const ENDED: ReadonlySet<JobState> = new Set(['succeeded', 'failed', 'cancelled']);

/** Which state may follow which; anything else is refused. A job that waits for its next attempt is `queued`. */
export const TRANSITIONS: Readonly<Record<JobState, readonly JobState[]>> = {
  waiting: ['queued', 'failed', 'cancelled'],
  queued: ['running', 'paused', 'failed', 'cancelled'],
  running: ['queued', 'paused', 'succeeded', 'failed', 'cancelled'],
  paused: ['queued', 'cancelled'],
  succeeded: [],
  failed: ['queued'],
  cancelled: ['queued'],
};

export const ErrorWhere = z.object({
  field: z.string().optional(),
  line: z.number().int().optional(),
  column: z.string().optional(),
  file: z.string().optional(),
  node: z.string().optional(),
  layer: z.string().optional(),
});

/** Why a job failed: what to do is in the message. */
export const JobFailure = z
  .object({
    code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    retryable: z.boolean(),
    where: ErrorWhere.optional(),
  })
  .meta({ id: 'JobFailure' });
export type JobFailure = z.infer<typeof JobFailure>;

/** An input of a job: the id of a dataset, a model as `name`, `name@alias`, `name@version` or version id, or an output of another job of the same pipeline. */
export const InputRef = z
  .union([
    z.string().min(1).max(200),
    z
      .strictObject({ job: z.string().min(1).max(64), output: z.string().min(1).max(64) })
      .describe('an output of a job: an id, or inside a pipeline the name of a step'),
  ])
  .meta({ id: 'InputRef' });
export type InputRef = z.infer<typeof InputRef>;

const RESOURCE_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/;
export const ResourceName = z
  .string()
  .regex(RESOURCE_NAME, 'letters, digits, dot, dash and underscore, 64 at most, beginning with a letter or digit');

export const Limits = z
  .strictObject({
    memory_mb: z.number().int().min(64).max(1_048_576).optional().describe('the process is ended when it needs more'),
    time_s: z
      .number()
      .int()
      .min(1)
      .max(2_592_000)
      .optional()
      .describe('the process is ended when it runs longer, all attempts counted alone'),
    attempts: z.number().int().min(1).max(20).default(3).describe('runs at most, when failures are retryable'),
  })
  .meta({ id: 'Limits' });
export type Limits = z.infer<typeof Limits>;

export const CreateJob = z
  .strictObject({
    recipe: z.string().min(1).max(128),
    params: z.record(z.string(), z.unknown()).default({}),
    inputs: z.record(z.string(), InputRef).default({}),
    /** For each model output, the name under which the version is registered; without one the job's id serves. */
    register: z.record(z.string(), ResourceName).default({}),
    seed: z
      .number()
      .int()
      .min(0)
      .max(2_147_483_647)
      .optional()
      .describe('the same seed gives the same result; drawn when absent'),
    priority: z.number().int().min(0).max(1000).default(0).describe('higher runs sooner'),
    delay_ms: z.number().int().min(0).max(604_800_000).default(0),
    device: z.enum(['cpu', 'webgpu', 'cuda']).default('cpu'),
    limits: Limits.default({ attempts: 3 }),
    metadata: z.record(z.string().max(64), z.string().max(512)).default({}),
  })
  .meta({ id: 'CreateJob' });
export type CreateJob = z.infer<typeof CreateJob>;

/** A graph of jobs in one request: steps refer to each other's outputs by name; order follows from that. */
export const CreatePipeline = z
  .strictObject({
    name: z.string().max(128).default('pipeline'),
    steps: z
      .record(ResourceName, CreateJob)
      .refine((s) => Object.keys(s).length > 0 && Object.keys(s).length <= 200, 'between 1 and 200 steps'),
    metadata: z.record(z.string().max(64), z.string().max(512)).default({}),
  })
  .meta({ id: 'CreatePipeline' });
export type CreatePipeline = z.infer<typeof CreatePipeline>;

export const ProgressView = z.object({
  fraction: z.number().min(0).max(1).nullable(),
  step: z.number(),
  total: z.number().nullable(),
  eta_s: z.number().nullable(),
  phase: z.string().nullable(),
});

export type ProgressView = z.infer<typeof ProgressView>;

export const JobView = z
  .object({
    object: z.literal('job'),
    id: z.string(),
    recipe: z.string(),
    recipe_version: z.number().int(),
    queue: z.enum(QUEUES),
    state: JobState,
    params: z.record(z.string(), z.unknown()),
    inputs: z.record(z.string(), InputRef),
    register: z.record(z.string(), z.string()),
    seed: z.number().int(),
    priority: z.number().int(),
    device: z.string(),
    limits: Limits,
    metadata: z.record(z.string(), z.string()),
    attempt: z.number().int().describe('attempts begun'),
    progress: ProgressView.nullable(),
    metrics: z.record(z.string(), z.number()).describe('the latest value of each metric'),
    result: z.record(z.string(), z.unknown()).nullable(),
    outputs: z.record(
      z.string(),
      z.object({
        kind: z.enum(['dataset', 'model', 'report', 'file']),
        id: z.string().nullable().describe('dataset or model version that was registered'),
        size: z.number().int(),
      }),
    ),
    failure: JobFailure.nullable(),
    pipeline: z.string().nullable(),
    step: z.string().nullable().describe('name of the step in its pipeline'),
    worker: z.string().nullable(),
    cancel_requested: z.boolean(),
    created_at: z.iso.datetime(),
    started_at: z.iso.datetime().nullable(),
    ended_at: z.iso.datetime().nullable(),
    transitions: z.array(z.object({ state: JobState, at: z.iso.datetime(), cause: z.string() })).optional(),
  })
  .meta({ id: 'Job' });
export type JobView = z.infer<typeof JobView>;

export const PipelineView = z
  .object({
    object: z.literal('pipeline'),
    id: z.string(),
    name: z.string(),
    state: JobState.describe(
      'waiting and queued until a step runs; failed as soon as one failed; succeeded when all did',
    ),
    jobs: z.record(z.string(), JobView),
    metadata: z.record(z.string(), z.string()),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Pipeline' });
export type PipelineView = z.infer<typeof PipelineView>;

/** What happens in a job, as a worker reports it. */
export const JobEventBody = z.discriminatedUnion('type', [
  z.object({ type: z.literal('started') }),
  z.object({ type: z.literal('progress'), progress: ProgressView }),
  z.object({ type: z.literal('metrics'), step: z.number(), values: z.record(z.string(), z.number()) }),
  z.object({
    type: z.literal('log'),
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()).optional(),
  }),
  z.object({ type: z.literal('checkpoint'), step: z.number() }),
  z.object({
    type: z.literal('succeeded'),
    result: z.record(z.string(), z.unknown()),
    outputs: z.record(z.string(), JobOutput),
  }),
  z.object({
    type: z.literal('failed'),
    failure: JobFailure,
    will_retry: z.boolean(),
    retry_in_ms: z.number().optional(),
  }),
  z.object({ type: z.literal('paused'), step: z.number() }),
  z.object({ type: z.literal('cancelled') }),
]);
export type JobEventBody = z.infer<typeof JobEventBody>;

/**
 * What a client reads from `GET /api/jobs/{id}/events`: `id:` is `seq`, `event:` is `type`. Types are those of JobEventBody, and `state` for every
 * transition: `{type: 'state', state, cause}`.
 */
export const JobEvent = z
  .object({
    seq: z.number().int().describe('counts up by one for each event of the job'),
    job_id: z.string(),
    at: z.iso.datetime(),
    attempt: z.number().int(),
    body: z.union([JobEventBody, z.object({ type: z.literal('state'), state: JobState, cause: z.string() })]),
  })
  .meta({ id: 'JobEvent' });
export type JobEvent = z.infer<typeof JobEvent>;

/** The queue's payload: a worker needs nothing else to run the job. */
export const JobSpec = z.object({
  job_id: z.string(),
  tenant_id: z.string(),
  request_id: z.string(),
  recipe: z.string(),
  params: z.record(z.string(), z.unknown()),
  inputs: z.record(z.string(), ResolvedInput),
  seed: z.number().int(),
  device: z.enum(['cpu', 'webgpu', 'cuda']),
  limits: Limits,
  attempt_base: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe(
      'attempts begun before this enqueuing (absent: 0). Without an answer to Claim, an attempt is attempt_base plus the runs that the queue has counted',
    ),
});
export type JobSpec = z.infer<typeof JobSpec>;
