import { describe, expect, it } from '@jest/globals';
import { CreatePipeline } from '@strata/contracts';
import type { StrataError } from '@strata/kernel';
import { orderSteps } from './graph.js';

const steps = (needs: Record<string, string[]>): CreatePipeline['steps'] =>
  CreatePipeline.parse({
    steps: Object.fromEntries(
      Object.entries(needs).map(([name, parents]) => [
        name,
        { recipe: 'x/y', inputs: Object.fromEntries(parents.map((p, i) => [`in${i}`, { job: p, output: 'out' }])) },
      ]),
    ),
  }).steps;

const thrown = (work: () => unknown): StrataError => {
  try {
    work();
  } catch (e) {
    return e as StrataError;
  }
  throw new Error('nothing was thrown');
};

describe('the steps of a pipeline', () => {
  it('come after those that they need', () => {
    const order = orderSteps(steps({ last: ['left', 'right'], left: ['first'], right: ['first'], first: [] }));
    expect(order[0]).toBe('first');
    expect(order[3]).toBe('last');
    expect(new Set(order.slice(1, 3))).toEqual(new Set(['left', 'right']));
  });

  it('may need jobs outside the pipeline', () => {
    expect(orderSteps(steps({ a: [`job_${'0'.repeat(32)}`] }))).toEqual(['a']);
  });

  it('must exist', () => {
    const e = thrown(() => orderSteps(steps({ train: ['prepare'], clean: [] })));
    expect(e.code).toBe('invalid_request');
    expect(e.message).toContain('step "train"');
    expect(e.message).toContain('"prepare"');
    expect(e.where?.field).toBe('steps.train.inputs.in0.job');
  });

  it('must not go round in a circle', () => {
    const e = thrown(() => orderSteps(steps({ ok: [], a: ['ok', 'c'], b: ['a'], c: ['b'], d: ['a'] })));
    expect(e.code).toBe('invalid_request');
    expect(e.message).toMatch(
      /circle: ("a" needs "c" needs "b" needs "a"|"b" needs "a" needs "c" needs "b"|"c" needs "b" needs "a" needs "c")/,
    );
    expect(thrown(() => orderSteps(steps({ self: ['self'] }))).message).toContain('"self" needs "self"');
  });
});
