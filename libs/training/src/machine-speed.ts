import { GraphBuilder } from '@strata/graph';
import { openGraph, zeros, type DeviceKind, type Session, type Tensor } from '@strata/runtime';

/** What a device does in a second, measured for some milliseconds. */
export interface MachineSpeed {
  /** Floating-point operations of matrix products. */
  readonly flops: number;
  /** Bytes read and written by operators that compute next to nothing. */
  readonly bandwidth: number;
}

const SIDE = 512;
const LENGTH = 4 * 2 ** 20;
const RUNS = 5;

const known = new Map<string, Promise<MachineSpeed>>();

/** Measured once in a process for each device and number of threads; takes about a tenth of a second. */
export function machineSpeed(threads: number, device: DeviceKind = 'cpu'): Promise<MachineSpeed> {
  const key = `${device} ${threads}`;
  let speed = known.get(key);
  if (!speed) {
    speed = measure(threads, device);
    known.set(key, speed);
    // a device that failed may be asked again
    speed.catch(() => known.delete(key));
  }
  return speed;
}

async function measure(threads: number, device: DeviceKind): Promise<MachineSpeed> {
  const product = new GraphBuilder('product');
  const a = product.input('a', 'float32', [SIDE, SIDE]);
  // the result is reduced, so that no large output crosses the bus
  product.output('y', product.op.ReduceSum(product.op.MatMul(a, a)));
  const sum = new GraphBuilder('sum');
  const x = sum.input('a', 'float32', [LENGTH]);
  sum.output('y', sum.op.ReduceSum(sum.op.Add(x, x)));
  const fastest = async (b: GraphBuilder, shape: readonly number[]): Promise<number> => {
    const session = await openGraph(b.build(), { threads, device });
    try {
      return await time(session, { a: zeros('float32', shape) });
    } finally {
      await session.release();
    }
  };
  // twice the elements are added for each product
  const flops = (2 * SIDE ** 3) / (await fastest(product, [SIDE, SIDE]));
  // the sum is written once and read once more
  const bandwidth = (4 * 4 * LENGTH) / (await fastest(sum, [LENGTH]));
  return { flops, bandwidth };
}

/** Seconds of the fastest run. */
async function time(session: Session, feeds: Readonly<Record<string, Tensor>>): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < RUNS; i++) {
    const began = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - began);
  }
  return best / 1000;
}
