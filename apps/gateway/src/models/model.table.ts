import type { Blob, ModelManifest } from '@strata/contracts';
import type { Generated, Selectable } from 'kysely';
import type { Json } from '../db/tables.js';

export interface ModelTable {
  id: string;
  tenant_id: string;
  name: string;
  /** Number of the newest version ever made; numbers are never used again. */
  last_version: number;
  created_at: Generated<Date>;
}

export interface ModelVersionTable {
  id: string;
  tenant_id: string;
  model_id: string;
  version: number;
  manifest: Json<ModelManifest>;
  /** Paths inside the model's folder. */
  files: Json<Record<string, Blob>>;
  size: number;
  source_job: string | null;
  source_recipe: string | null;
  source_output: string | null;
  /** Ids of the datasets, model versions or files it was made from, by input name. */
  inputs: Json<Record<string, string>>;
  created_at: Generated<Date>;
  deleted_at: Date | null;
}

export interface ModelAliasTable {
  model_id: string;
  alias: string;
  version: number;
}

export interface DeploymentTable {
  model_id: string;
  tenant_id: string;
  version: number;
  created_at: Generated<Date>;
}

declare module '../db/tables.js' {
  interface Tables {
    model: ModelTable;
    model_version: ModelVersionTable;
    model_alias: ModelAliasTable;
    deployment: DeploymentTable;
  }
}

export type ModelRow = Selectable<ModelTable>;
export type VersionRow = Selectable<ModelVersionTable>;
