import { grpcSettings, httpSettings, loadConfig, logSettings, serviceSettings } from '@strata/service-kit';
import { z } from 'zod';

export const ConfigSchema = z.object({
  ...logSettings,
  ...serviceSettings,
  ...grpcSettings(4602),
  ...httpSettings(0),
  DATABASE_URL: z
    .string()
    .regex(/^(postgres(ql)?:\/\/.*)?$/, 'must begin with postgres://')
    .default('')
    .describe(
      'PostgreSQL for entries of the tenants’ own and the history of the map; empty: only the public map is served',
    ),
  CONTENT_DIR: z
    .string()
    .default('')
    .describe('folder with the YAML files of the map; empty: the content that comes with Strata'),
  EVIDENCE_DIR: z
    .string()
    .default('')
    .describe(
      'folder where the evidence suite left its records, which are shown with recipes; empty: .evidence of the checkout, if it is there',
    ),
  DATA_DIR: z
    .string()
    .default('')
    .describe('folder that keeps the model for search by meaning; empty: it is trained at every start'),
  CATALOG_SEMANTIC: z
    .enum(['on', 'off'])
    .default('on')
    .describe(
      'search by meaning, with a model that is trained on the map in the background (about half a minute of processor time, kept in DATA_DIR); off: search by words only',
    ),
});
export type Config = z.output<typeof ConfigSchema>;

/** @throws StrataError `invalid_configuration`, naming every wrong setting */
export function readConfig(): Config {
  return loadConfig(ConfigSchema, process.env);
}
