import { StrataError } from '@strata/kernel';
import type { FlowJob, FlowProducer, Job, JobsOptions, Queue } from 'bullmq';
import { openBackend } from './backend.js';
import { answered } from './deadline.js';
import type { FlowNode, ItemState, QueueConfig, QueueItem, QueuePort, QueuedItem } from './port.js';

/** BullMQ runs small numbers first and 0 before all of them; callers say higher is sooner. */
const PRIORITY_MAX = 1000;
/** BullMQ's event stream is not read by anyone: keep it short. */
const EVENTS_KEPT = 100;
/** BullMQ wants a name; all jobs of a queue go to the same handler. */
const JOB_NAME = 'job';

const STATES: Readonly<Record<string, ItemState>> = {
  waiting: 'waiting',
  prioritized: 'waiting',
  delayed: 'delayed',
  active: 'active',
  'waiting-children': 'waiting-children',
};

/** Nothing is contacted before the first call. `onError` hears of backend errors that the port survives by itself. */
export function createQueue(config: QueueConfig, options: { onError?: (e: Error) => void } = {}): QueuePort {
  const onError = options.onError ?? (() => undefined);
  const backend = openBackend(config, 'producer', onError);
  const queues = new Map<string, Queue>();
  let flows: FlowProducer | undefined;

  const queueOf = (name: string): Queue => {
    let queue = queues.get(name);
    if (!queue) {
      queue = backend.queue(name, { streams: { events: { maxLen: EVENTS_KEPT } } });
      queue.on('error', onError);
      queues.set(name, queue);
    }
    return queue;
  };
  const flowProducer = (): FlowProducer => {
    if (!flows) {
      flows = backend.flow();
      flows.on('error', onError);
    }
    return flows;
  };
  const call = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    answered(`the queue (${config.backend})`, what, work);

  /** A waiting one is taken out, so that the add that follows brings its new payload. */
  const makeRoom = async (queue: Queue, id: string): Promise<void> => {
    const state = await queue.getJobState(id);
    if (state === 'unknown') return;
    if (state !== 'active' && (await queue.remove(id)) === 1) return;
    throw new StrataError(
      'conflict',
      `job ${id} still runs in queue ${queue.name}; add it again when that run has ended`,
      {
        retryable: true,
      },
    );
  };

  return {
    add: (name, item) =>
      call('add', async () => {
        const queue = queueOf(name);
        if (item.requeue) await makeRoom(queue, item.id);
        await queue.add(JOB_NAME, item.payload, jobOptions(item));
      }),

    addBulk: (name, items) =>
      call('add', async () => {
        if (items.length === 0) return;
        await queueOf(name).addBulk(items.map((i) => ({ name: JOB_NAME, data: i.payload, opts: jobOptions(i) })));
      }),

    addFlow: (root) => call('add', async () => void (await flowProducer().add(flowJob(root, false)))),

    remove: (name, id) =>
      call('remove', async () => {
        const queue = queueOf(name);
        const state = await queue.getJobState(id);
        if (state === 'unknown') return 'missing';
        return state !== 'active' && (await queue.remove(id)) === 1 ? 'removed' : 'active';
      }),

    get: (name, id) =>
      call('read', async () => {
        const job: Job | undefined = await queueOf(name).getJob(id);
        const state = job && STATES[await job.getState()];
        return job && state ? itemOf(id, job, state) : undefined;
      }),

    missing: (name, ids) =>
      call('read', async () => {
        const states = await Promise.all(ids.map((id) => queueOf(name).getJobState(id)));
        return ids.filter((_, i) => states[i] === 'unknown');
      }),

    counts: (name) =>
      call('count', async () => {
        const queue = queueOf(name);
        const c = await queue.getJobCounts('waiting', 'prioritized', 'delayed', 'active', 'waiting-children');
        return {
          waiting: (c['waiting'] ?? 0) + (c['prioritized'] ?? 0),
          delayed: c['delayed'] ?? 0,
          active: c['active'] ?? 0,
          'waiting-children': c['waiting-children'] ?? 0,
          paused: await queue.isPaused(),
        };
      }),

    pause: (name) => call('pause', () => queueOf(name).pause()),
    resume: (name) => call('resume', () => queueOf(name).resume()),

    rateLimit: (name, limit) =>
      call('limit', async () => {
        const queue = queueOf(name);
        if (limit) await queue.setGlobalRateLimit(limit.max, limit.perMs);
        else {
          await queue.removeGlobalRateLimit();
          await queue.removeRateLimitKey();
        }
      }),

    publish: (channel, message) => call('publish', () => backend.bus.publish(channel, message)),
    subscribe: (channel, handler, onGap) => call('subscribe', () => backend.bus.subscribe(channel, handler, onGap)),

    check: () => call('check', () => backend.check()),
    bull: queueOf,

    async close() {
      await Promise.allSettled([...queues.values()].map((q) => q.close()));
      await flows?.close();
      await backend.close();
    },
  };
}

// BullMQ's Redis keys are `bull:<queue>:<id>` for a job and `bull:<queue>:<one of these>` for the queue itself; a number is an id that it makes
const ID = /^(?!\d+$)[A-Za-z0-9_-]{1,128}$/;
const RESERVED = new Set(
  'active wait waiting waiting-children paused id delayed prioritized stalled stalled-check completed failed repeat limiter meta events pc marker de'.split(
    ' ',
  ),
);

function checkId(id: string): string {
  if (!ID.test(id) || RESERVED.has(id))
    throw new StrataError(
      'invalid_request',
      `"${id.slice(0, 140)}" cannot be the id of a queued job: use 1 to 128 letters, digits, "_" and "-", not digits alone, and none of BullMQ's own words`,
    );
  return id;
}

function jobOptions(item: QueueItem): JobsOptions {
  return {
    jobId: checkId(item.id),
    priority: PRIORITY_MAX + 1 - Math.min(Math.max(Math.round(item.priority ?? 0), 0), PRIORITY_MAX),
    attempts: item.attempts ?? 1,
    removeOnComplete: true,
    removeOnFail: true,
    stackTraceLimit: 1,
    ...(item.delayMs ? { delay: item.delayMs } : {}),
    ...(item.backoff ? { backoff: { type: item.backoff.type, delay: item.backoff.delayMs } } : {}),
    ...(item.dedupe === undefined ? {} : { deduplication: { id: item.dedupe } }),
  };
}

function flowJob(node: FlowNode, child: boolean): FlowJob {
  return {
    name: JOB_NAME,
    queueName: node.queue,
    data: node.item.payload,
    opts: { ...jobOptions(node.item), ...(child ? { failParentOnFailure: true } : {}) },
    ...(node.children ? { children: node.children.map((c) => flowJob(c, true)) } : {}),
  };
}

function itemOf(id: string, job: Job, state: ItemState): QueuedItem {
  return { id, state, payload: job.data as unknown, attempt: job.attemptsStarted, addedAt: new Date(job.timestamp) };
}
