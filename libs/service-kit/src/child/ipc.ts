import type { ArtifactConfig } from '@strata/artifacts';
import type { Device, JobEventBody, JobFailure, JobOutput, JobSpec } from '@strata/contracts';

// Messages between a worker's host process and the child that runs a job. They travel as JSON over Node's IPC channel.

export interface RunMessage {
  readonly type: 'run';
  readonly spec: JobSpec;
  readonly attempt: number;
  readonly artifacts: ArtifactConfig;
  /** Inputs by hash, shared by the jobs of this worker. */
  readonly cacheDir: string;
  /** Of this attempt alone; the host removes it. */
  readonly workDir: string;
  readonly device: Device;
  readonly threads: number;
  /** The process is ended when it needs more; absent: nobody looks. */
  readonly memoryMb?: number;
  readonly checkpointIntervalMs: number;
}

export type ToChild =
  RunMessage | { readonly type: 'cancel' } | { readonly type: 'pause' } | { readonly type: 'devices' };

/** What a recipe reports on the way; the host adds `started` and the end. */
export type ReportedEvent = Extract<JobEventBody, { type: 'progress' | 'metrics' | 'log' | 'checkpoint' }>;

export type Outcome =
  | {
      readonly type: 'succeeded';
      readonly result: Record<string, unknown>;
      readonly outputs: Record<string, JobOutput>;
    }
  | { readonly type: 'failed'; readonly failure: JobFailure }
  | { readonly type: 'paused'; readonly step: number }
  | { readonly type: 'cancelled' };

export type FromChild =
  | { readonly type: 'ready' }
  | { readonly type: 'started' }
  | { readonly type: 'events'; readonly events: readonly ReportedEvent[] }
  | { readonly type: 'ended'; readonly outcome: Outcome }
  | { readonly type: 'devices'; readonly devices: readonly Device[] };
