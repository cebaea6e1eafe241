import { describe, expect, it } from '@jest/globals';
import { ENDED, JOB_STATES, type JobEventBody, type JobState, TRANSITIONS } from '@strata/contracts';
import { JobDraft } from './draft.js';
import type { JobRow } from './job.table.js';
import { admits, applyReport, decideClaim, plausibleTime, type WorkerReport } from './rules.js';

const T = (s: number): Date => new Date(Date.UTC(2030, 0, 1, 0, 0, s));
const draft = (state: JobState, values: Partial<JobRow> = {}): JobDraft =>
  new JobDraft({
    id: 'job_1',
    state,
    attempt: state === 'queued' || state === 'waiting' ? 0 : 1,
    fence: 0,
    last_seq: 1,
    run_ms: 0,
    worker_id: state === 'running' ? 'w1' : null,
    running_since: state === 'running' ? T(0) : null,
    started_at: state === 'running' ? T(0) : null,
    created_at: T(0),
    ended_at: ENDED.has(state) ? T(0) : null,
    cancel_requested_at: null,
    pause_requested_at: null,
    metrics: null,
    failure: null,
    ...values,
  } as JobRow);
const report = (body: JobEventBody, attempt = 1, workerId = 'w1'): WorkerReport => ({
  body,
  attempt,
  workerId,
  at: T(5),
});
const statesOf = (d: JobDraft): string[] => d.events.flatMap((e) => (e.body.type === 'state' ? [e.body.state] : []));
const failed: JobEventBody = {
  type: 'failed',
  failure: { code: 'worker_crashed', message: 'gone', retryable: true },
  will_retry: true,
};

describe('transitions', () => {
  it.each(JOB_STATES.flatMap((from) => JOB_STATES.map((to) => [from, to] as const)))('%s -> %s', (from, to) => {
    const d = draft(from);
    if (!TRANSITIONS[from].includes(to)) {
      expect(() => d.to(to, 'test', T(1))).toThrow(/cannot become/);
      expect(d.changed).toBe(false);
      return;
    }
    d.to(to, 'test', T(3));
    expect(d.row.state).toBe(to);
    expect(d.events).toEqual([
      { seq: 2, at: T(3), attempt: d.row.attempt, body: { type: 'state', state: to, cause: 'test' } },
    ]);
    expect(d.row.ended_at).toEqual(ENDED.has(to) ? T(3) : null);
    expect(d.row.running_since).toEqual(to === 'running' ? T(3) : null);
    expect(d.row.run_ms).toBe(from === 'running' ? 3000 : 0);
  });
});

describe('reports', () => {
  it.each([
    ['of the attempt that counts', 'running', {}, 1, 'w1', true],
    ['of an attempt that was given up', 'running', { attempt: 2 }, 1, 'w1', false],
    ['of an attempt that began unasked', 'running', {}, 2, 'w2', true],
    ['of the same attempt at another worker', 'running', {}, 1, 'w2', false],
    ['of a worker that was taken for lost', 'queued', { attempt: 1, worker_id: 'w1' }, 1, 'w1', true],
    ['from before a resumption', 'queued', { attempt: 1, fence: 1, worker_id: 'w1' }, 1, 'w1', false],
    ['for a paused job', 'paused', {}, 1, 'w1', false],
    ['for a waiting job', 'waiting', {}, 1, 'w1', false],
    ['for a job that has ended', 'cancelled', {}, 1, 'w1', false],
  ] as const)('%s', (_, state, values, attempt, worker, admitted) => {
    expect(admits(draft(state, values), report({ type: 'started' }, attempt, worker))).toBe(admitted);
  });

  it('of a failure honour what was asked meanwhile', () => {
    const plain = draft('running');
    applyReport(plain, report(failed), T(5));
    expect(statesOf(plain)).toEqual(['queued']);
    const cancelled = draft('running', { cancel_requested_at: T(1) });
    applyReport(cancelled, report(failed), T(5));
    expect(statesOf(cancelled)).toEqual(['cancelled']);
    const paused = draft('running', { pause_requested_at: T(1) });
    applyReport(paused, report(failed), T(5));
    expect(statesOf(paused)).toEqual(['queued', 'paused']);
  });

  it('have a plausible time', () => {
    const d = draft('running', { running_since: T(10) });
    expect(plausibleTime(d, T(5), T(20))).toEqual(T(10));
    expect(plausibleTime(d, T(15), T(20))).toEqual(T(15));
    expect(plausibleTime(d, T(25), T(20))).toEqual(T(20));
  });
});

describe('claims', () => {
  it.each([
    ['queued', {}, 1, { granted: true, attempt: 1 }, ['running']],
    ['queued', { attempt: 3 }, 1, { granted: true, attempt: 4 }, ['running']],
    ['queued', {}, 5, { granted: true, attempt: 5 }, ['running']],
    ['running', {}, 2, { granted: true, attempt: 2 }, ['queued', 'running']],
    ['running', { cancel_requested_at: T(1) }, 2, { granted: false, reason: 'cancelled' }, ['queued', 'cancelled']],
    ['running', { pause_requested_at: T(1) }, 2, { granted: false, reason: 'paused' }, ['queued', 'paused']],
    ['paused', {}, 1, { granted: false, reason: 'paused' }, []],
    ['waiting', {}, 1, { granted: false, reason: 'waiting' }, []],
    ['succeeded', {}, 1, { granted: false, reason: 'succeeded' }, []],
  ] as const)('of a %s job %j', (state, values, counted, decision, states) => {
    const d = draft(state, values);
    expect(decideClaim(d, 'w2', counted, T(9))).toMatchObject(decision);
    expect(statesOf(d)).toEqual(states);
  });
});
