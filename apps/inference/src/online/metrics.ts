import type { ModelHost, ModelStatistics } from '@strata/serving';
import { Gauge, type Registry } from 'prom-client';

const US_PER_MS = 1000;

/** Triton's names; counters are kept by the host and read at each scrape. They begin anew when a model is loaded again. */
const SERIES: readonly [name: string, help: string, value: (s: ModelStatistics) => number][] = [
  ['nv_inference_request_success', 'Requests that succeeded', (s) => s.success],
  ['nv_inference_request_failure', 'Requests that failed', (s) => s.failure],
  ['nv_inference_count', 'Rows inferred', (s) => s.count],
  ['nv_inference_exec_count', 'Executions; rows / executions is the mean batch', (s) => s.execCount],
  ['nv_inference_pending_request_count', 'Requests that wait for an execution', (s) => s.pending],
  ['nv_inference_request_duration_us', 'Time of requests, summed', (s) => s.requestMs * US_PER_MS],
  [
    'nv_inference_queue_duration_us',
    'Time that requests waited for an execution, summed',
    (s) => s.queueMs * US_PER_MS,
  ],
  [
    'nv_inference_compute_infer_duration_us',
    'Time of executions, summed over requests',
    (s) => s.computeMs * US_PER_MS,
  ],
];

export function servingMetrics(host: ModelHost, registry: Registry): void {
  for (const [name, help, value] of SERIES)
    new Gauge({
      name,
      help,
      labelNames: ['model', 'version'],
      registers: [registry],
      collect() {
        this.reset();
        for (const s of host.statistics()) this.set({ model: s.name, version: s.version }, value(s));
      },
    });
}
