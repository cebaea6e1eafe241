import { initialParameters, toOnnx } from '@strata/graph';
import { StrataError, type Rng } from '@strata/kernel';
import { createSession, zeros, type Session, type SessionOptions, type Tensor } from '@strata/runtime';
import { scalarInput, type TrainStep } from './step.js';

/** Weights by parameter name, float32. */
export type Weights = Readonly<Record<string, Tensor<'float32'>>>;

/** First weights, drawn by the parameters' initialisers. @throws StrataError `invalid_graph` for a parameter that is not float32 */
export function initialWeights(step: TrainStep, rng: Rng): Weights {
  const weights: Record<string, Tensor<'float32'>> = {};
  for (const [name, t] of initialParameters(step.parameters, rng)) {
    if (!(t.data instanceof Float32Array))
      throw new StrataError('invalid_graph', `parameter "${name}" must be float32, not ${t.dtype}`);
    weights[name] = { dtype: 'float32', dims: t.dims, data: t.data };
  }
  return weights;
}

/**
 * Weights and optimiser state in two sets of buffers: a step reads one set and writes the other, then they change places. Nothing is copied between steps.
 */
export interface Trainer {
  /** One optimiser step on the batch; gives its mean loss before the update. `t` counts steps from 1. */
  step(feeds: Readonly<Record<string, Tensor>>, t: number, learningRate: number): Promise<number>;
  /** The weights now. The next step but one overwrites these buffers: copy what must last. */
  weights(): Weights;
  /** Copies of weights and optimiser state, as bytes by input name. */
  save(): Record<string, Uint8Array>;
  /** @throws StrataError `checkpoint_mismatch` */
  restore(tensors: Readonly<Record<string, Uint8Array>>): void;
  release(): Promise<void>;
}

export async function createTrainer(step: TrainStep, initial: Weights, options: SessionOptions): Promise<Trainer> {
  const session: Session = await createSession(toOnnx(step.graph), options);
  const allocate = (): Tensor<'float32'>[] => step.slots.map((s) => zeros('float32', s.shape));
  let current = allocate();
  let next = allocate();
  step.slots.forEach((s, i) => {
    const first = initial[s.input];
    if (first) (current[i] as Tensor<'float32'>).data.set(first.data);
  });
  const loss = zeros('float32', []);
  const scalars = step.scalars.map((name) => ({ name, tensor: zeros('float32', []) }));

  return {
    async step(feeds, t, learningRate) {
      const values = step.optimizer.scalars(t, learningRate);
      const all: Record<string, Tensor> = { ...feeds };
      for (const s of scalars) {
        s.tensor.data[0] = values[s.name] as number;
        all[scalarInput(s.name)] = s.tensor;
      }
      const outputs: Record<string, Tensor> = { [step.loss]: loss };
      step.slots.forEach((s, i) => {
        all[s.input] = current[i] as Tensor;
        outputs[s.output] = next[i] as Tensor;
      });
      await session.run(all, outputs);
      [current, next] = [next, current];
      return loss.data[0] as number;
    },
    weights: () => Object.fromEntries(step.parameters.map((p, i) => [p.name, current[i] as Tensor<'float32'>])),
    save: () =>
      Object.fromEntries(step.slots.map((s, i) => [s.input, bytesOf((current[i] as Tensor<'float32'>).data)])),
    restore(tensors) {
      step.slots.forEach((s, i) => {
        const bytes = tensors[s.input];
        const into = (current[i] as Tensor<'float32'>).data;
        if (bytes?.byteLength !== into.byteLength)
          throw new StrataError(
            'checkpoint_mismatch',
            `the checkpoint has ${bytes ? `${bytes.byteLength} bytes` : 'nothing'} for "${s.input}", which needs ${into.byteLength}. Start the job afresh.`,
          );
        into.set(floatsOf(bytes));
      });
    },
    release: () => session.release(),
  };
}

/** A copy of the numbers as bytes, and back; the copy makes the alignment right. */
export const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice();
export const floatsOf = (bytes: Uint8Array): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer);
