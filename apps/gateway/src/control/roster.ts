import { Injectable } from '@nestjs/common';
import { Device } from '@strata/contracts';
import type { control } from '@strata/contracts/grpc';
import { StrataError } from '@strata/kernel';
import { sql } from 'kysely';
import { z } from 'zod';
import { Database } from '../db/database.js';
import { json } from '../db/json.js';

const WORKER_ID = /^[A-Za-z0-9_-]{1,64}$/;

export interface OpenCommand {
  readonly kind: 'cancel' | 'pause';
  readonly jobId: string;
}

/** Which workers there are and what they said last. */
@Injectable()
export class Roster {
  constructor(private readonly db: Database) {}

  /** Returns the highest number of this worker's events that is recorded. @throws StrataError `invalid_request` */
  async enter(hello: control.Hello): Promise<number> {
    if (!WORKER_ID.test(hello.workerId))
      throw new StrataError('invalid_request', `"${hello.workerId.slice(0, 80)}" is not the id of a worker`);
    const now = new Date();
    const said = {
      queue: hello.queue,
      host: hello.host,
      pid: hello.pid,
      version: hello.version,
      state: 'online' as const,
      concurrency: hello.concurrency,
      devices: json(devicesOf(hello.devicesJson)),
      recipes: hello.recipes,
      running: hello.running,
      inference_address: hello.inferenceAddress || null,
      connected_at: now,
      last_seen_at: now,
    };
    const row = await this.db.kysely
      .insertInto('worker')
      .values({ id: hello.workerId, ...said, cpu_fraction: null, memory_bytes: null, acked_seq: 0 })
      .onConflict((c) => c.column('id').doUpdateSet(said))
      .returning('acked_seq')
      .executeTakeFirstOrThrow();
    return row.acked_seq;
  }

  /** Returns what its jobs were asked to do meanwhile, in case it did not hear. */
  async beat(workerId: string, beat: control.Heartbeat): Promise<OpenCommand[]> {
    const { rows } = await this.db.relaxed.query<{ id: string; kind: OpenCommand['kind'] }>({
      name: 'worker-beat',
      text: `
        with w as (
          update gateway.worker set running = $2, cpu_fraction = $3, memory_bytes = $4, last_seen_at = now(), state = 'online' where id = $1
        )
        select id, case when pause_requested_at is null or cancel_requested_at is not null then 'cancel' else 'pause' end as kind
        from gateway.job
        where id = any($2) and (
          (state = 'running' and worker_id = $1 and (cancel_requested_at is not null or pause_requested_at is not null))
          or (state = 'cancelled' and worker_id = $1))`,
      values: [workerId, beat.running, beat.cpuFraction, Math.round(beat.memoryBytes)],
    });
    return rows.map(({ id, kind }) => ({ kind, jobId: id }));
  }

  /** It has ended its stream properly. */
  async left(workerId: string): Promise<void> {
    await this.db.kysely
      .updateTable('worker')
      .set({ state: 'offline', running: sql`'{}'` })
      .where('id', '=', workerId)
      .execute();
  }
}

function devicesOf(text: string): Device[] {
  try {
    return z.array(Device).parse(JSON.parse(text || '[]'));
  } catch (cause) {
    throw new StrataError(
      'invalid_request',
      'the worker’s list of devices cannot be read: run the same version everywhere',
      {
        cause,
      },
    );
  }
}
