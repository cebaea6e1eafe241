import type { Checkpoint } from '@strata/contracts';
import { createRng, silentLogger, type Logger } from '@strata/kernel';
import type { FitResult } from '../fit.js';
import type { FitContext } from '../phases.js';

export class Killed extends Error {}

/** A job whose checkpoints go through JSON and copies, as in the artifact store, and that dies after `dies` steps of this attempt. */
export class Job {
  stored: { json: string; tensors: Record<string, Uint8Array> } | undefined;
  steps = 0;
  readonly logged: string[] = [];
  readonly metrics: Record<string, number>[] = [];

  context(dies = Infinity, every = 1): FitContext {
    this.steps = 0;
    const log: Logger = { ...silentLogger, warn: (_, message) => void this.logged.push(message) };
    let asked = 0;
    return {
      log,
      progress: () => undefined,
      metrics: (_, values) => void this.metrics.push({ ...values }),
      threads: 1,
      device: { kind: 'cpu', name: 'test', features: [] },
      rng: createRng(7),
      checkpoint: {
        due: () => ++asked % every === 0,
        save: (c: Checkpoint) => {
          this.stored = {
            json: JSON.stringify({ step: c.step, state: c.state }),
            tensors: Object.fromEntries(Object.entries(c.tensors).map(([n, b]) => [n, b.slice()])),
          };
          return Promise.resolve();
        },
        load: () =>
          Promise.resolve(
            this.stored ? { ...(JSON.parse(this.stored.json) as Checkpoint), tensors: this.stored.tensors } : undefined,
          ),
      },
      step: () => {
        if (++this.steps > dies) throw new Killed();
        return Promise.resolve();
      },
    };
  }
}

/** The weights of a result to the last bit. */
export const bits = (r: FitResult): string[] =>
  Object.entries(r.weights).map(([n, t]) => `${n}:${Buffer.from(t.data.slice().buffer).toString('hex')}`);
