import { startChild, type Child, type ChildProgram } from './child-process.js';

/** A process that has served this many light jobs is replaced, so that a leak cannot grow without end. */
const LIGHT_JOBS = 1_000;
const LIGHT_IDLE_MS = 60_000;
/** Rest after a child that died before it was ready, so that a broken program does not fork without end. */
const REST_MS = 5_000;

export interface ChildPool {
  /**
   * A process for one job, ready or about to be. Light jobs get one that has served light jobs before, where there is one.
   * @param heapMb undefined: the pool's own bound
   */
  take(light: boolean, heapMb?: number): Child;
  /** Gives the process of a light job back for the next one. */
  giveBack(child: Child): void;
  /** Starts the next spare process now: called when the job that took the last one has begun, so that the two do not compete. */
  refill(): void;
  /** Of all its processes, those in reserve included. */
  pids(): number[];
  close(): Promise<void>;
}

/** Keeps one started process in reserve, so that a job does not wait for Node to start. */
export function createChildPool(program: ChildProgram, heapMb: number): ChildPool {
  let spare: Child | undefined;
  let closed = false;
  let restUntil = 0;
  const idle: { child: Child; timer: NodeJS.Timeout }[] = [];
  const served = new WeakMap<Child, number>();
  const all = new Set<Child>();

  const start = (heap: number): Child => {
    const child = startChild(program, heap);
    all.add(child);
    void child.exited.then(() => all.delete(child));
    return child;
  };

  const refill = (): void => {
    if (closed || spare || Date.now() < restUntil) return;
    const child = start(heapMb);
    spare = child;
    let isReady = false;
    void child.ready.then(() => (isReady = child.alive));
    void child.exited.then(() => {
      if (spare !== child) return;
      spare = undefined;
      if (!isReady) restUntil = Date.now() + REST_MS;
      else refill();
    });
  };

  const takeIdle = (): Child | undefined => {
    for (let entry; (entry = idle.pop());) {
      clearTimeout(entry.timer);
      if (entry.child.alive) return entry.child;
    }
    return undefined;
  };

  return {
    take(light, heap = heapMb) {
      const known = light && heap === heapMb ? takeIdle() : undefined;
      if (known) return known;
      if (heap !== heapMb || !spare?.alive) return start(heap);
      const child = spare;
      spare = undefined;
      return child;
    },
    giveBack(child) {
      const jobs = (served.get(child) ?? 0) + 1;
      served.set(child, jobs);
      if (closed || !child.alive || jobs >= LIGHT_JOBS) return child.kill();
      child.listen(() => undefined);
      const timer = setTimeout(() => {
        idle.splice(
          idle.findIndex((e) => e.child === child),
          1,
        );
        child.kill();
      }, LIGHT_IDLE_MS);
      timer.unref();
      idle.push({ child, timer });
    },
    refill,
    pids: () => [...all].map((c) => c.pid),
    async close() {
      closed = true;
      for (const { timer } of idle.splice(0)) clearTimeout(timer);
      const children = [...all];
      for (const child of children) child.kill();
      await Promise.all(children.map((c) => c.exited));
    },
  };
}
