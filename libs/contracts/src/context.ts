import type { Logger, Rng } from '@strata/kernel';
import type { DatasetFormat, ModelManifest } from './artifacts.js';
import type { Device } from './workers.js';

/** A dataset on this machine's disk. */
export interface DatasetHandle {
  readonly id: string;
  readonly path: string;
  readonly format: DatasetFormat;
}

/** A model unpacked on this machine's disk: `dir` holds `model.onnx`, `model.json` and what else belongs to it. */
export interface ModelHandle {
  readonly id: string;
  readonly dir: string;
  readonly manifest: ModelManifest;
}

/** A file of no particular kind on this machine's disk, such as a tokenizer. */
export interface FileHandle {
  readonly id: string;
  readonly path: string;
  /** As it was uploaded or made. */
  readonly name: string;
  readonly mediaType: string;
}

/** What a job was given under the name of an input. */
export type InputHandle = DatasetHandle | ModelHandle | FileHandle;

/** All that a run needs to go on as if it had never stopped: named byte arrays (weights, optimiser moments) and small JSON (step, cursor, random state, metrics so far). */
export interface Checkpoint {
  readonly step: number;
  readonly state: Record<string, unknown>;
  readonly tensors: Readonly<Record<string, Uint8Array>>;
}

export interface CheckpointPort {
  /** The latest complete checkpoint of this job, from any earlier attempt on any worker. */
  load(): Promise<Checkpoint | undefined>;
  /** Returns when the checkpoint is complete in the artifact store; a kill before that leaves the one before. */
  save(checkpoint: Checkpoint): Promise<void>;
  /** True when a checkpoint is owed: the interval has passed, or a pause was asked for. Cheap; ask after every step. */
  due(): boolean;
}

export interface OutputPort {
  /** Stores the file at `path` as the named dataset output. */
  dataset(name: string, path: string, format: DatasetFormat): Promise<void>;
  /** Stores all files of the folder `dir`, which must hold `model.onnx`; `model.json` is written from the manifest. */
  model(name: string, dir: string, manifest: ModelManifest): Promise<void>;
  /** Stores a JSON report for people and programs. */
  report(name: string, report: Record<string, unknown>): Promise<void>;
  file(name: string, path: string, mediaType: string): Promise<void>;
}

export interface Progress {
  step: number;
  total?: number;
  /** Seconds until the end, as far as the recipe can tell. */
  eta_s?: number;
  phase?: string;
}

/** Everything a recipe may touch. There is nothing global. */
export interface JobContext {
  readonly jobId: string;
  readonly attempt: number;
  /** Aborted on cancel; the process is killed one second later if it has not ended. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Rate-limited on the way: call it as often as you like. */
  progress(p: Progress): void;
  /** Numbers of one step, under the names of design and wire documents (`train_loss`, `valid_accuracy`, …). */
  metrics(step: number, values: Readonly<Record<string, number>>): void;
  /** @throws StrataError `invalid_input` when the job has no such input */
  dataset(name: string): Promise<DatasetHandle>;
  model(name: string): Promise<ModelHandle>;
  file(name: string): Promise<FileHandle>;
  /** True when the job was given this (optional) input. */
  has(input: string): boolean;
  readonly output: OutputPort;
  readonly checkpoint: CheckpointPort;
  /**
   * To be called after a step, when the state is whole: throws when the job was cancelled; when a pause was asked for it saves what `state` gives and ends
   * the process's work by throwing PauseSignal. Lets the event loop turn, so that messages come in.
   */
  step(state: () => Checkpoint | Promise<Checkpoint>): Promise<void>;
  /** Scratch folder of this attempt, removed afterwards. */
  readonly workDir: string;
  readonly device: Device;
  /** Threads that the job may use for its native sessions. */
  readonly threads: number;
  /** Bytes that the job's process may use: it is ended when it needs more. Absent where nobody looks. */
  readonly memoryLimit?: number;
  /** Seeded from the job's seed; its state belongs into the checkpoint. */
  readonly rng: Rng;
  readonly seed: number;
}

/** Thrown through a recipe's `run` to end it at a checkpoint; not an error, and not to be caught. */
export class PauseSignal extends Error {
  constructor() {
    super('paused at a checkpoint');
    this.name = 'PauseSignal';
  }
}
