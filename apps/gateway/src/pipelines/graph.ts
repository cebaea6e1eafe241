import type { CreatePipeline } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { outputRefs } from '../jobs/planner.js';

/** Ids of jobs have this prefix, which no step's reference can be taken for by chance. */
const JOB_ID = /^job_[0-9a-f]{32}$/;

/** Names of the steps that each step needs. @throws StrataError `invalid_request` naming the step that refers to an unknown one */
function needs(steps: CreatePipeline['steps']): Map<string, Set<string>> {
  const names = Object.keys(steps);
  return new Map(
    Object.entries(steps).map(([name, step]) => {
      const parents = new Set<string>();
      for (const { name: input, ref } of outputRefs(step.inputs)) {
        if (Object.hasOwn(steps, ref.job)) parents.add(ref.job);
        else if (!JOB_ID.test(ref.job))
          throw new StrataError(
            'invalid_request',
            `step "${name}": input "${input}" refers to step "${ref.job}", which does not exist. The steps: ${names.join(', ')}`,
            { where: { field: `steps.${name}.inputs.${input}.job` } },
          );
      }
      return [name, parents];
    }),
  );
}

/**
 * The steps in an order in which each comes after those it needs (Kahn 1962).
 * @throws StrataError `invalid_request` for a cycle, naming its steps
 */
export function orderSteps(steps: CreatePipeline['steps']): string[] {
  const open = needs(steps);
  const order: string[] = [];
  while (open.size) {
    const ready = [...open].filter(([, parents]) => [...parents].every((p) => !open.has(p))).map(([name]) => name);
    if (!ready.length) {
      const cycle = cycleIn(open);
      throw new StrataError(
        'invalid_request',
        `the steps wait for each other in a circle: ${[...cycle, cycle[0]].map((s) => `"${s}"`).join(' needs ')}`,
        { where: { field: `steps.${cycle[0]}` } },
      );
    }
    for (const name of ready) {
      order.push(name);
      open.delete(name);
    }
  }
  return order;
}

/** Every step left needs another one that is left, so a walk along the needs comes back to a step that it has seen. */
function cycleIn(open: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const walk: string[] = [];
  let at = [...open.keys()][0];
  while (at !== undefined && !walk.includes(at)) {
    walk.push(at);
    at = [...(open.get(at) ?? [])].find((p) => open.has(p));
  }
  return at === undefined ? walk : walk.slice(walk.indexOf(at));
}
