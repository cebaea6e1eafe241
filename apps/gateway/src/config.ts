import {
  artifactSettings,
  databaseSettings,
  grpcSettings,
  httpSettings,
  loadConfig,
  logSettings,
  queueSettings,
  serviceSettings,
} from '@strata/service-kit';
import { z } from 'zod';

const count = (value: number): z.ZodDefault<z.ZodCoercedNumber> => z.coerce.number().int().min(1).default(value);

export const ConfigSchema = z.object({
  ...logSettings,
  ...queueSettings,
  ...databaseSettings,
  ...artifactSettings,
  ...serviceSettings,
  ...httpSettings(4600),
  ...grpcSettings(4601),
  CATALOG_ADDRESS: z.string().default('127.0.0.1:4602').describe('host:port of the catalog service'),
  CATALOG_IMPORT_LIMIT_BYTES: count(16_777_216).describe(
    'largest file of catalog entries that can be imported, in bytes',
  ),
  DATA_DIR: z.string().default('./data').describe('folder for the first admin key and for uploads that are under way'),
  DATABASE_POOL: count(12).describe('connections to PostgreSQL that the gateway opens at most'),
  DATABASE_WAIT_S: z.coerce
    .number()
    .min(0)
    .default(30)
    .describe('seconds to wait at start for a database that is not there yet'),
  BODY_LIMIT_BYTES: count(1_048_576).describe('largest JSON body of a request, in bytes'),
  UPLOAD_LIMIT_BYTES: count(2_147_483_648).describe('largest file that can be uploaded, in bytes'),
  RATE_LIMIT_PER_S: z.coerce
    .number()
    .min(0)
    .default(5000)
    .describe('requests per second that one API key may make at each gateway; 0: no limit'),
  RATE_LIMIT_BURST: count(10_000).describe('requests that one API key may make at once after a rest'),
  WORKER_TIMEOUT_S: z.coerce
    .number()
    .min(1)
    .default(15)
    .describe('seconds without a sign of life after which a worker counts as lost'),
  CANCEL_TIMEOUT_S: z.coerce
    .number()
    .min(1)
    .default(10)
    .describe('seconds that a worker gets to confirm a cancellation before the job counts as cancelled anyway'),
  DRAIN_S: z.coerce
    .number()
    .min(0)
    .default(10)
    .describe('seconds that open requests and streams get to end when the gateway is told to stop'),
});
export type Config = z.output<typeof ConfigSchema>;

/** Injection token of the parsed settings. */
export const CONFIG = Symbol('gateway config');

/** @throws StrataError `invalid_configuration`, naming every wrong setting */
export function readConfig(): Config {
  return loadConfig(ConfigSchema, process.env);
}
