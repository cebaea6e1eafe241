import type { DynamicModule } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** A Prometheus registry with Node's own figures; each series carries the service's name. */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}

class MetricsModule {}

/** Makes the registry injectable everywhere, by its class: `constructor(private readonly registry: Registry)`. */
export function metricsModule(registry: Registry): DynamicModule {
  return {
    module: MetricsModule,
    global: true,
    providers: [{ provide: Registry, useValue: registry }],
    exports: [Registry],
  };
}

/** What a worker counts. */
export interface JobMetrics {
  readonly ended: Counter<'recipe' | 'outcome'>;
  readonly seconds: Histogram<'recipe'>;
  readonly startSeconds: Histogram;
  readonly running: Gauge;
  readonly spooled: Gauge;
}

export function jobMetrics(registry: Registry): JobMetrics {
  const registers = [registry];
  return {
    ended: new Counter({
      name: 'strata_jobs_ended_total',
      help: 'Runs of jobs that ended here, by outcome',
      labelNames: ['recipe', 'outcome'],
      registers,
    }),
    seconds: new Histogram({
      name: 'strata_job_run_seconds',
      help: 'Time of one run of a job',
      labelNames: ['recipe'],
      buckets: [0.01, 0.1, 1, 10, 60, 600, 3_600, 36_000],
      registers,
    }),
    startSeconds: new Histogram({
      name: 'strata_job_start_seconds',
      help: 'Time from taking a job off the queue until its process begins the recipe',
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    running: new Gauge({ name: 'strata_jobs_running', help: 'Jobs that run here now', registers }),
    spooled: new Gauge({
      name: 'strata_events_unacknowledged',
      help: 'Events on disk that no gateway has recorded yet',
      registers,
    }),
  };
}
