import { ENDED } from '@strata/contracts';
import { isStrataError } from '@strata/kernel';
import { sql } from 'kysely';
import type { Trx } from '../db/tables.js';
import type { JobDraft } from './draft.js';
import { isOutputRef, resolveOutput } from './inputs.js';
import { lockJobs, parentStates, saveDrafts } from './store.js';

async function childrenOf(trx: Trx, parentIds: readonly string[]): Promise<string[]> {
  const rows = await trx
    .selectFrom('job_parent')
    .innerJoin('job', 'job.id', 'job_parent.job_id')
    .select('job.id')
    .distinct()
    .where('job_parent.parent_id', '=', sql<string>`any(${[...parentIds]})`)
    .where('job.state', '=', 'waiting')
    .execute();
  return rows.map((r) => r.id);
}

/** Fills in what its parents have made. */
async function resolveFromParents(trx: Trx, child: JobDraft): Promise<void> {
  const refs = Object.entries(child.row.inputs).flatMap(([name, ref]) => (isOutputRef(ref) ? [{ name, ref }] : []));
  const ids = [...new Set(refs.map((r) => r.ref.job))];
  const parents = ids.length
    ? await trx.selectFrom('job').select(['id', 'outputs']).where('id', 'in', ids).execute()
    : [];
  const byId = new Map(parents.map((p) => [p.id, p]));
  const resolved = { ...child.row.resolved };
  for (const { name, ref } of refs) {
    const parent = byId.get(ref.job);
    if (parent) resolved[name] = resolveOutput(parent, ref, name);
  }
  child.patch({ resolved });
}

/** All parents have succeeded: into the queue, or failed when a parent left out what this needs. */
export async function release(trx: Trx, child: JobDraft, at: Date, cause: string): Promise<void> {
  try {
    await resolveFromParents(trx, child);
  } catch (e) {
    if (!isStrataError(e)) throw e;
    child.fail(e.toJSON(), at);
    return;
  }
  child.to('queued', cause, at);
  child.enqueue = true;
}

/**
 * Carries the end of jobs to those that wait for them, and on to theirs: a success releases a job whose parents have all succeeded,
 * anything else fails it. `ended` must be saved already. Returns the further jobs that changed, saved.
 *
 * Two parents may end at the same time in two transactions: each locks the child before it looks at all parents, so the later one sees both.
 */
export async function settleDependants(trx: Trx, ended: readonly JobDraft[], at: Date): Promise<JobDraft[]> {
  const settled: JobDraft[] = [];
  let wave = ended;
  while (wave.length) {
    const ids = await childrenOf(
      trx,
      wave.map((d) => d.row.id),
    );
    const children = [...(await lockJobs(trx, ids)).values()].filter((d) => d.row.state === 'waiting');
    const states = await parentStates(
      trx,
      children.map((d) => d.row.id),
    );
    for (const child of children) {
      const parents = [...(states.get(child.row.id) ?? [])];
      const bad = parents.find(([, state]) => ENDED.has(state) && state !== 'succeeded');
      if (bad) {
        const message = `job ${bad[0]}, which this waits for, ${bad[1] === 'failed' ? 'failed' : 'was cancelled'}. Retry that one first, then this`;
        child.fail({ code: 'parent_failed', message, retryable: false }, at);
      } else if (parents.every(([, state]) => state === 'succeeded'))
        await release(trx, child, at, 'its parents have succeeded');
    }
    await saveDrafts(trx, children);
    settled.push(...children.filter((d) => d.changed));
    wave = children.filter((d) => d.ended);
  }
  return settled;
}
