import type { ArtifactConfig } from '@strata/artifacts';
import { StrataError } from '@strata/kernel';
import type { QueueConfig } from '@strata/queue';
import type { z } from 'zod';
import type { TlsFiles } from '../grpc/tls.js';
import type { artifactSettings, queueSettings, serviceSettings } from './shapes.js';

type Settings<T extends Record<string, z.ZodType>> = { [K in keyof T]: z.output<T[K]> };

/** @throws StrataError `invalid_configuration` when neither Redis nor PostgreSQL is given */
export function queueConfigOf(c: Settings<typeof queueSettings>): QueueConfig {
  if (c.REDIS_URL) return { backend: 'redis', url: c.REDIS_URL };
  if (c.DATABASE_URL) return { backend: 'postgres', connectionString: c.DATABASE_URL, schema: c.QUEUE_SCHEMA };
  throw new StrataError(
    'invalid_configuration',
    'the queue has no home: set REDIS_URL (Redis), or DATABASE_URL (PostgreSQL).',
  );
}

/** @throws StrataError `invalid_configuration` when not exactly one of folder and bucket is given */
export function artifactConfigOf(c: Settings<typeof artifactSettings>): ArtifactConfig {
  if (Boolean(c.ARTIFACTS_DIR) === Boolean(c.S3_BUCKET))
    throw new StrataError(
      'invalid_configuration',
      `the artifact store has ${c.S3_BUCKET ? 'two homes' : 'no home'}: set either ARTIFACTS_DIR (a folder) or S3_BUCKET.`,
    );
  if (c.ARTIFACTS_DIR) return { kind: 'folder', dir: c.ARTIFACTS_DIR };
  return {
    kind: 's3',
    ...(c.S3_ENDPOINT ? { endpoint: c.S3_ENDPOINT } : {}),
    region: c.S3_REGION,
    bucket: c.S3_BUCKET,
    accessKeyId: c.S3_ACCESS_KEY_ID,
    secretAccessKey: c.S3_SECRET_ACCESS_KEY,
    prefix: c.S3_PREFIX,
  };
}

/** TLS of a service's gRPC, both as server and as client; undefined: plain text. */
export function tlsOf(c: Settings<typeof serviceSettings>): TlsFiles | undefined {
  if (!c.TLS_CERT && !c.TLS_KEY && !c.TLS_CA) return undefined;
  if (Boolean(c.TLS_CERT) !== Boolean(c.TLS_KEY))
    throw new StrataError('invalid_configuration', 'TLS_CERT and TLS_KEY belong together: set both or neither.');
  if (c.TLS_MUTUAL && !(c.TLS_CA && c.TLS_CERT))
    throw new StrataError('invalid_configuration', 'TLS_MUTUAL needs TLS_CA, TLS_CERT and TLS_KEY.');
  return {
    ...(c.TLS_CA ? { ca: c.TLS_CA } : {}),
    ...(c.TLS_CERT ? { cert: c.TLS_CERT, key: c.TLS_KEY } : {}),
    mutual: c.TLS_MUTUAL,
  };
}
