import type { Device } from '@strata/contracts';
import type { Json } from '../db/tables.js';

export interface WorkerTable {
  id: string;
  queue: string;
  host: string;
  pid: number;
  version: string;
  state: 'online' | 'offline';
  concurrency: number;
  devices: Json<Device[]>;
  recipes: string[];
  running: string[];
  cpu_fraction: number | null;
  memory_bytes: number | null;
  /** host:port of its Open Inference Protocol endpoint. */
  inference_address: string | null;
  /** Highest number of its events that is recorded. */
  acked_seq: number;
  connected_at: Date;
  last_seen_at: Date;
}

declare module '../db/tables.js' {
  interface Tables {
    worker: WorkerTable;
  }
}
