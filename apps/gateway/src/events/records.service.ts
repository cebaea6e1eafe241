import { Injectable } from '@nestjs/common';
import type { JobEvent } from '@strata/contracts';
import { sql } from 'kysely';
import { Database } from '../db/database.js';
import { readJob } from '../jobs/store.js';

export interface LogLine {
  seq: number;
  at: string;
  attempt: number;
  level: string;
  message: string;
  fields?: Record<string, unknown>;
}
export interface LogPage {
  object: 'list';
  data: LogLine[];
  has_more: boolean;
  next: string | null;
}

export interface MetricSeries {
  object: 'metrics';
  job: string;
  series: Record<string, { step: number; value: number; at: string }[]>;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** What a job has said and measured, read from its events. */
@Injectable()
export class RecordsService {
  constructor(private readonly db: Database) {}

  /** Oldest first, unlike other lists: a log is read forwards. `after` is the number of the last line seen. */
  async logs(
    tenantId: string,
    jobId: string,
    query: { after: number; limit: number; level: (typeof LEVELS)[number] },
  ): Promise<LogPage> {
    await readJob(this.db.kysely, tenantId, jobId);
    const levels = LEVELS.slice(LEVELS.indexOf(query.level));
    const rows = await this.db.kysely
      .selectFrom('job_event')
      .select(['seq', 'at', 'attempt', 'body'])
      .where('job_id', '=', jobId)
      .where('type', '=', 'log')
      .where('seq', '>', query.after)
      .where(sql<string>`body ->> 'level'`, 'in', [...levels])
      .orderBy('seq')
      .limit(query.limit + 1)
      .execute();
    const data = rows.slice(0, query.limit).flatMap((row) => logLine(row));
    const has_more = rows.length > query.limit;
    return { object: 'list', data, has_more, next: has_more ? String(data.at(-1)?.seq) : null };
  }

  /**
   * Each metric against its step, at most `points` of each and the last: of a longer series every k-th value. The database leaves out the
   * others, by numbers alone, so that a long series costs neither side its memory.
   */
  async metrics(tenantId: string, jobId: string, names: string[] | undefined, points: number): Promise<MetricSeries> {
    await readJob(this.db.kysely, tenantId, jobId);
    const rows = await this.db.kysely
      .with('ranked', (db) =>
        db
          .selectFrom('job_event as e')
          .crossJoinLateral(sql<{ name: string }>`jsonb_object_keys(e.body -> 'values')`.as<'m'>(sql`m(name)`))
          .select([
            'e.seq',
            'm.name',
            sql<number>`row_number() over (partition by m.name order by e.seq) - 1`.as('i'),
            sql<number>`count(*) over (partition by m.name)`.as('n'),
          ])
          .where('e.job_id', '=', jobId)
          .where('e.type', '=', 'metrics')
          .$if(names !== undefined, (q) => q.where('m.name', 'in', names ?? [])),
      )
      .selectFrom('ranked as r')
      .innerJoin('job_event as e', (j) => j.onRef('e.seq', '=', 'r.seq').on('e.job_id', '=', jobId))
      .select([
        'r.name',
        'e.at',
        sql<number>`e.body -> 'step'`.as('step'),
        sql<number>`e.body -> 'values' -> r.name`.as('value'),
      ])
      .where(sql<boolean>`(r.i % ceil(r.n::float8 / ${points})::bigint = 0 or r.i = r.n - 1)`)
      .orderBy('r.seq')
      .orderBy('r.name')
      .execute();
    const series = new Map<string, MetricSeries['series'][string]>();
    for (const { name, step, value, at } of rows) {
      const values = series.get(name) ?? [];
      if (!values.length) series.set(name, values);
      values.push({ step, value, at: at.toISOString() });
    }
    return { object: 'metrics', job: jobId, series: Object.fromEntries(series) };
  }
}

function logLine(row: { seq: number; at: Date; attempt: number; body: JobEvent['body'] }): LogLine[] {
  if (row.body.type !== 'log') return [];
  const { level, message, fields } = row.body;
  return [
    { seq: row.seq, at: row.at.toISOString(), attempt: row.attempt, level, message, ...(fields ? { fields } : {}) },
  ];
}
