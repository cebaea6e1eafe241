import { Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { Database } from '../db/database.js';

const LIVE = ['queued', 'waiting', 'running', 'paused'] as const;

/** Figures that are read from the database when somebody asks for them. */
@Injectable()
export class JobMetrics {
  constructor(
    private readonly db: Database,
    registry: Registry,
  ) {
    const registers = [registry];
    const gauge = <L extends string>(
      name: string,
      help: string,
      labelNames: L[],
      fill: (g: Gauge<L>) => Promise<void>,
    ): Gauge<L> =>
      new Gauge<L>({
        name,
        help,
        labelNames,
        registers,
        async collect() {
          await fill(this as unknown as Gauge<L>);
        },
      });
    gauge('strata_jobs', 'Jobs that have not ended, by state', ['state'], (g) => this.jobs(g));
    gauge('strata_outbox_jobs', 'Jobs that are not in the queue yet', [], (g) =>
      this.one(g, 'select count(*) as n from gateway.outbox'),
    );
    gauge('strata_outbox_lag_seconds', 'Time for which the oldest of them is due', [], (g) =>
      this.one(
        g,
        "select coalesce(extract(epoch from greatest(now() - min(not_before), interval '0')), 0)::float8 as n from gateway.outbox",
      ),
    );
    gauge('strata_workers', 'Workers by state and queue', ['state', 'queue'], (g) => this.workers(g));
  }

  private async jobs(gauge: Gauge<'state'>): Promise<void> {
    const rows = await this.db.kysely
      .selectFrom('job')
      .select(['state', (e) => e.fn.countAll<number>().as('n')])
      .where('ended_at', 'is', null)
      .groupBy('state')
      .execute();
    for (const state of LIVE) gauge.set({ state }, rows.find((r) => r.state === state)?.n ?? 0);
  }

  private async workers(gauge: Gauge<'state' | 'queue'>): Promise<void> {
    const rows = await this.db.kysely
      .selectFrom('worker')
      .select(['state', 'queue', (e) => e.fn.countAll<number>().as('n')])
      .groupBy(['state', 'queue'])
      .execute();
    gauge.reset();
    for (const { state, queue, n } of rows) gauge.set({ state, queue }, n);
  }

  private async one(gauge: Gauge, query: string): Promise<void> {
    const { rows } = await this.db.pool.query<{ n: number }>(query);
    gauge.set(rows[0]?.n ?? 0);
  }
}
