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

  /** Each metric against its step, at most `points` of each: of a longer series every k-th value and the last. */
  async metrics(tenantId: string, jobId: string, names: string[] | undefined, points: number): Promise<MetricSeries> {
    await readJob(this.db.kysely, tenantId, jobId);
    const rows = await this.db.kysely
      .selectFrom('job_event')
      .select(['at', 'body'])
      .where('job_id', '=', jobId)
      .where('type', '=', 'metrics')
      .orderBy('seq')
      .execute();
    const series: MetricSeries['series'] = {};
    for (const { at, body } of rows) {
      if (body.type !== 'metrics') continue;
      for (const [name, value] of Object.entries(body.values))
        if (!names || names.includes(name))
          (series[name] ??= []).push({ step: body.step, value, at: at.toISOString() });
    }
    for (const [name, values] of Object.entries(series)) series[name] = thin(values, points);
    return { object: 'metrics', job: jobId, series };
  }
}

function logLine(row: { seq: number; at: Date; attempt: number; body: JobEvent['body'] }): LogLine[] {
  if (row.body.type !== 'log') return [];
  const { level, message, fields } = row.body;
  return [
    { seq: row.seq, at: row.at.toISOString(), attempt: row.attempt, level, message, ...(fields ? { fields } : {}) },
  ];
}

export function thin<T>(values: T[], most: number): T[] {
  if (values.length <= most) return values;
  const every = Math.ceil(values.length / most);
  return values.filter((_, i) => i % every === 0 || i === values.length - 1);
}
