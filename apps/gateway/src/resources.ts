import type { JobOutput, ResolvedInput } from '@strata/contracts';
import type { Trx } from './db/tables.js';

/** Where an output comes from: its lineage. */
export interface OutputOrigin {
  readonly tenantId: string;
  readonly jobId: string;
  readonly recipe: string;
  /** Name of the output in its recipe. */
  readonly output: string;
  /** Name that the caller wants it registered under; null: none was given. */
  readonly register: string | null;
  /** Ids of the datasets and model versions that the job was given, by input name. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly at: Date;
}

/** What jobs need to know of a kind of resource. */
export interface ResourceRegistrar<K extends 'dataset' | 'model'> {
  /**
   * A reference of a job's input (an id, or for models also `name`, `name@alias`, `name@version`) with all that a worker needs.
   * @throws StrataError `not_found` also for what belongs to another tenant
   */
  resolve(tenantId: string, ref: string): Promise<Extract<ResolvedInput, { kind: K }>>;
  /** Makes the row for an output in the transaction that records the job's success; returns its id (dataset or model version). */
  register(trx: Trx, origin: OutputOrigin, output: Extract<JobOutput, { kind: K }>): Promise<string>;
}

/** Uploaded files as inputs of jobs. */
export abstract class FileResolver {
  /** @throws StrataError `not_found` also for what belongs to another tenant */
  abstract resolve(tenantId: string, ref: string): Promise<Extract<ResolvedInput, { kind: 'file' }>>;
}

/** Injection tokens; DatasetsModule and ModelsModule provide (and export) them: `{ provide: DatasetRegistrar, useExisting: … }`. */
export abstract class DatasetRegistrar implements ResourceRegistrar<'dataset'> {
  abstract resolve(tenantId: string, ref: string): Promise<Extract<ResolvedInput, { kind: 'dataset' }>>;
  abstract register(trx: Trx, origin: OutputOrigin, output: Extract<JobOutput, { kind: 'dataset' }>): Promise<string>;
}
export abstract class ModelRegistrar implements ResourceRegistrar<'model'> {
  abstract resolve(tenantId: string, ref: string): Promise<Extract<ResolvedInput, { kind: 'model' }>>;
  abstract register(trx: Trx, origin: OutputOrigin, output: Extract<JobOutput, { kind: 'model' }>): Promise<string>;
}
