/** Sorted copy; the p-quantile by the nearest rank. */
export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? NaN;
}
export const median = (values) => percentile(values, 0.5);

/** Milliseconds of each of `n` calls, one after the other. */
export async function oneByOne(n, call) {
  const took = [];
  for (let i = 0; i < n; i++) {
    const t = performance.now();
    await call();
    took.push(performance.now() - t);
  }
  return took;
}

/** `clients` callers, each of which calls again as soon as it was answered, for some seconds. */
export async function closedLoop(clients, seconds, call) {
  const ms = [];
  const started = performance.now();
  const end = started + seconds * 1000;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let t = performance.now(); t < end; t = performance.now()) {
        await call();
        ms.push(performance.now() - t);
      }
    }),
  );
  return { ms, perSecond: (ms.length / (performance.now() - started)) * 1000 };
}
