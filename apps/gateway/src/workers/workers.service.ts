import { Injectable } from '@nestjs/common';
import type { WorkerView } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { Selectable } from 'kysely';
import { CommandBus } from '../control/command-bus.js';
import { Database } from '../db/database.js';
import type { WorkerTable } from './worker.table.js';

function view(row: Selectable<WorkerTable>): WorkerView {
  return {
    object: 'worker',
    id: row.id,
    queue: row.queue,
    host: row.host,
    pid: row.pid,
    version: row.version,
    state: row.state,
    concurrency: row.concurrency,
    devices: row.devices,
    recipes: row.recipes,
    running: row.running,
    cpu_fraction: row.cpu_fraction,
    memory_bytes: row.memory_bytes,
    inference_address: row.inference_address,
    connected_at: row.connected_at.toISOString(),
    last_seen_at: row.last_seen_at.toISOString(),
  };
}

@Injectable()
export class WorkersService {
  constructor(
    private readonly db: Database,
    private readonly commands: CommandBus,
  ) {}

  /** Those online first, then by id. */
  async list(state: WorkerView['state'] | undefined): Promise<WorkerView[]> {
    const rows = await this.db.kysely
      .selectFrom('worker')
      .selectAll()
      .$if(state !== undefined, (q) => q.where('state', '=', state ?? 'online'))
      .orderBy('state', 'desc')
      .orderBy('id')
      .execute();
    return rows.map(view);
  }

  async get(id: string): Promise<WorkerView> {
    const row = await this.db.kysely.selectFrom('worker').selectAll().where('id', '=', id).executeTakeFirst();
    if (!row) throw new StrataError('not_found', `there is no worker ${id}`);
    return view(row);
  }

  /** The worker takes no further job, brings the running ones to a checkpoint, and ends. */
  async drain(id: string): Promise<WorkerView> {
    const worker = await this.get(id);
    if (worker.state !== 'online')
      throw new StrataError('conflict', `worker ${id} is offline: there is nothing to drain`);
    await this.commands.send({ kind: 'drain', workerId: id, jobId: '' });
    return worker;
  }

  /** host:port of workers that serve models, those seen last first. */
  async inferenceAddresses(): Promise<string[]> {
    const rows = await this.db.kysely
      .selectFrom('worker')
      .select('inference_address')
      .where('state', '=', 'online')
      .where('inference_address', 'is not', null)
      .orderBy('last_seen_at', 'desc')
      .execute();
    return rows.flatMap((r) => (r.inference_address ? [r.inference_address] : []));
  }
}
