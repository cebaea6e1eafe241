import type { DatasetFormat, DatasetView } from '@strata/contracts';
import type { Generated, Selectable } from 'kysely';
import type { Json } from '../db/tables.js';

export interface DatasetTable {
  id: string;
  tenant_id: string;
  name: string;
  sha256: string;
  size: number;
  format: Json<DatasetFormat>;
  source_file: string | null;
  source_job: string | null;
  source_recipe: string | null;
  source_output: string | null;
  /** Ids of the datasets and model versions that the job was given, by input name. */
  inputs: Json<Record<string, string>>;
  created_at: Generated<Date>;
  deleted_at: Date | null;
}

declare module '../db/tables.js' {
  interface Tables {
    dataset: DatasetTable;
  }
}

export type DatasetRow = Selectable<DatasetTable>;

export function datasetView(row: DatasetRow): DatasetView {
  return {
    object: 'dataset',
    id: row.id,
    name: row.name,
    file: { sha256: row.sha256, size: row.size },
    format: row.format,
    source: { file: row.source_file, job: row.source_job, output: row.source_output },
    created_at: row.created_at.toISOString(),
  };
}
