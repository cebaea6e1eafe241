import type { Device } from '@strata/contracts';

export interface Slots {
  /** Waits for a place on a device of this kind; the function it gives frees the place. Rejects with the signal's reason. */
  take(kind: Device['kind'], signal: AbortSignal): Promise<() => void>;
}

/** Places by kind of device, given in the order of asking. */
export function createSlots(places: Readonly<Record<Device['kind'], number>>): Slots {
  const free = { ...places };
  const waiting: Record<Device['kind'], (() => void)[]> = { cpu: [], webgpu: [], cuda: [] };

  const giveBack = (kind: Device['kind']): (() => void) => {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = waiting[kind].shift();
      if (next) next();
      else free[kind] += 1;
    };
  };

  return {
    take: (kind, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason as Error);
        if (free[kind] > 0) {
          free[kind] -= 1;
          return resolve(giveBack(kind));
        }
        const proceed = (): void => {
          signal.removeEventListener('abort', giveUp);
          resolve(giveBack(kind));
        };
        const giveUp = (): void => {
          waiting[kind].splice(waiting[kind].indexOf(proceed), 1);
          reject(signal.reason as Error);
        };
        waiting[kind].push(proceed);
        signal.addEventListener('abort', giveUp, { once: true });
      }),
  };
}
