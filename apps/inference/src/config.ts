import { dataDirSetting, grpcSettings, loadConfig, withoutSettings, workerSettings } from '@strata/service-kit';
import { z } from 'zod';

export const ConfigSchema = z.object({
  ...workerSettings,
  ...grpcSettings(4603),
  DATA_DIR: dataDirSetting('./data/inference'),
  INFERENCE_ADDRESS: z
    .string()
    .regex(/^(\S+:\d+)?$/, 'must be host:port')
    .default('')
    .describe(
      'host:port under which gateways reach this service; empty: GRPC_HOST (or the machine’s name) and GRPC_PORT',
    ),
  MODEL_THREADS: z.coerce
    .number()
    .int()
    .min(1)
    .max(256)
    .default(1)
    .describe('processor threads of each model that is served online'),
  MODEL_DEVICE: z
    .enum(['cpu', 'webgpu', 'cuda'])
    .default('cpu')
    .describe('device of the models that are served online'),
  MAX_MODELS: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(16)
    .describe('models kept open for online prediction; beyond them the one not used for longest is closed'),
  MAX_BATCH_SIZE: z.coerce
    .number()
    .int()
    .min(1)
    .max(65_536)
    .default(64)
    .describe('rows that one execution takes at most'),
  MAX_QUEUE_DELAY_MICROSECONDS: z.coerce
    .number()
    .int()
    .min(0)
    .max(10_000_000)
    .default(0)
    .describe('how long a request may wait for others to share an execution with while its model is idle'),
});
export type Config = z.output<typeof ConfigSchema>;

/** @throws StrataError `invalid_configuration`, naming every wrong setting */
export function readConfig(): Config {
  return loadConfig(ConfigSchema, process.env);
}

/** What the processes that run recipes see. */
export function childEnvironment(): Record<string, string> {
  return withoutSettings(ConfigSchema, process.env);
}
