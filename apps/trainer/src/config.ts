import { dataDirSetting, loadConfig, withoutSettings, workerSettings } from '@strata/service-kit';
import { z } from 'zod';

export const ConfigSchema = z.object({ ...workerSettings, DATA_DIR: dataDirSetting('./data/trainer') });
export type Config = z.output<typeof ConfigSchema>;

/** @throws StrataError `invalid_configuration`, naming every wrong setting */
export function readConfig(): Config {
  return loadConfig(ConfigSchema, process.env);
}

/** What the processes that run recipes see. */
export function childEnvironment(): Record<string, string> {
  return withoutSettings(ConfigSchema, process.env);
}
