import { z } from 'zod';

// Settings that several services share, as zod shapes to spread into a service's `ConfigSchema`:
//   export const ConfigSchema = z.object({ ...logSettings, ...queueSettings, ...grpcSettings(4602) });
// docs/configuration.md is made from these descriptions.

const port = (value: number): z.ZodDefault<z.ZodCoercedNumber> =>
  z.coerce.number().int().min(0).max(65_535).default(value);

export const logSettings = {
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('least level that is logged'),
  LOG_PRETTY: z.stringbool().default(false).describe('coloured lines for people instead of JSON'),
};

export const databaseSettings = {
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
    .describe('PostgreSQL that holds the records, for example postgres://strata:secret@db:5432/strata'),
};

export const queueSettings = {
  REDIS_URL: z
    .string()
    .regex(/^(rediss?:\/\/.*)?$/, 'must begin with redis:// or rediss://')
    .default('')
    .describe('Redis of the job queue; empty: the queue lives in PostgreSQL (DATABASE_URL)'),
  DATABASE_URL: z
    .string()
    .regex(/^(postgres(ql)?:\/\/.*)?$/, 'must begin with postgres://')
    .default('')
    .describe('PostgreSQL of the queue, when REDIS_URL is empty'),
  QUEUE_SCHEMA: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'lower-case letters, digits and underscore')
    .default('bullmq')
    .describe('PostgreSQL schema of the queue, when it lives there'),
};

export const artifactSettings = {
  ARTIFACTS_DIR: z
    .string()
    .default('')
    .describe('folder of the artifact store, shared by all services; empty: an S3 bucket (S3_BUCKET)'),
  S3_BUCKET: z.string().default('').describe('bucket of the artifact store; empty: a folder (ARTIFACTS_DIR)'),
  S3_ENDPOINT: z.string().default('').describe('address of an S3-compatible store; empty: AWS'),
  S3_REGION: z.string().default('us-east-1').describe('region of the bucket'),
  S3_ACCESS_KEY_ID: z.string().default('').describe('access key of the bucket'),
  S3_SECRET_ACCESS_KEY: z.string().default('').describe('secret key of the bucket'),
  S3_PREFIX: z.string().default('').describe('prefix of all keys in the bucket'),
};

export const serviceSettings = {
  SERVICE_TOKEN: z
    .string()
    .min(16, 'at least 16 characters')
    .describe('secret that services show each other over gRPC; the same for all of them'),
  TLS_CA: z.string().default('').describe('PEM file of the authority that signed the services’ certificates'),
  TLS_CERT: z.string().default('').describe('PEM file of this service’s certificate; empty: gRPC without TLS'),
  TLS_KEY: z.string().default('').describe('PEM file of the certificate’s key'),
  TLS_MUTUAL: z
    .stringbool()
    .default(false)
    .describe('gRPC servers of this service refuse clients without a certificate signed by TLS_CA'),
};

export const httpSettings = (defaultPort: number) => ({
  HTTP_HOST: z.string().default('127.0.0.1').describe('address that HTTP listens on; 0.0.0.0 for all'),
  HTTP_PORT: port(defaultPort).describe('port of HTTP; 0: any free one'),
});

export const grpcSettings = (defaultPort: number) => ({
  GRPC_HOST: z.string().default('127.0.0.1').describe('address that gRPC listens on; 0.0.0.0 for all'),
  GRPC_PORT: port(defaultPort).describe('port of gRPC; 0: any free one'),
});

/** Each worker has a folder of its own. */
export const dataDirSetting = (folder: string): z.ZodDefault<z.ZodString> =>
  z
    .string()
    .default(folder)
    .describe('folder of this worker alone: its id, events not yet delivered, cached inputs, scratch space');

/** Health, metrics, and all that a worker (trainer, inference, compression) needs. */
export const workerSettings = {
  ...logSettings,
  ...queueSettings,
  ...artifactSettings,
  ...serviceSettings,
  ...httpSettings(0),
  CONTROL_ADDRESS: z.string().default('127.0.0.1:4601').describe('host:port of a gateway’s control service'),
  DATA_DIR: dataDirSetting('./data/worker'),
  CONCURRENCY: z.coerce
    .number()
    .int()
    .min(0)
    .max(256)
    .default(0)
    .describe('jobs that run at once; 0: by the machine’s processors and THREADS'),
  THREADS: z.coerce
    .number()
    .int()
    .min(0)
    .max(1024)
    .default(0)
    .describe('processor threads of one job; 0: all of them, up to 8. Results are identical only for the same number'),
  MEMORY_MB: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('memory of one job that sets no limit of its own, in MiB; 0: what the machine has, less a tenth'),
  CACHE_MB: z.coerce
    .number()
    .int()
    .min(0)
    .default(10_240)
    .describe('inputs of earlier jobs that are kept in DATA_DIR for the next ones, in MiB'),
  CHECKPOINT_INTERVAL_S: z.coerce
    .number()
    .min(0)
    .default(30)
    .describe('seconds between two checkpoints of a job that can be resumed'),
  LEASE_S: z.coerce
    .number()
    .min(1)
    .default(30)
    .describe('seconds after which a job of a worker that shows no sign of life is given to another'),
  DRAIN_S: z.coerce
    .number()
    .min(0)
    .default(20)
    .describe('seconds that running jobs get to reach a checkpoint when the worker is told to stop'),
};
