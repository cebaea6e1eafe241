import type { inference } from '@strata/contracts/grpc';
import type { VersionRow } from '../models/model.table.js';

export const LOAD_DEADLINE_MS = 120_000;

/** Parameter of RepositoryModelLoad: the files of the model's folder, `{path: {sha256, size}}` as JSON, in the artifact store. */
export const FILES_PARAMETER = 'files';

type Version = Pick<VersionRow, 'id' | 'version'>;

/** On the wire a model goes by the id of its version: tenants may use the same names. */
export const wireName = (row: Version): { name: string; version: string } => ({
  name: row.id,
  version: String(row.version),
});

const text = (value: string): inference.ModelRepositoryParameter => ({
  parameterChoice: { $case: 'stringParam', value },
});

export const loadRequest = (row: Version & Pick<VersionRow, 'files'>): inference.RepositoryModelLoadRequest => ({
  repositoryName: '',
  modelName: row.id,
  parameters: { version: text(String(row.version)), [FILES_PARAMETER]: text(JSON.stringify(row.files)) },
});

export const unloadRequest = (row: Version): inference.RepositoryModelUnloadRequest => ({
  repositoryName: '',
  modelName: row.id,
  parameters: { version: text(String(row.version)) },
});
