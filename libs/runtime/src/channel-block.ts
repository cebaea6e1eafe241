import { GraphBuilder, toOnnx } from '@strata/graph';
import { createSession } from './session.js';
import { tensor } from './tensor.js';

/** More channels than any processor has in a block. */
const MOST = 64;
let known: Promise<number> | undefined;

/**
 * Channels in a block of the runtime's blocked convolutions on this processor (16 with AVX-512, 8 with AVX2), found out by reordering one channel; 1 where the runtime has none.
 * Asked once for each process.
 */
export const channelBlock = (): Promise<number> => (known ??= probe());

async function probe(): Promise<number> {
  const b = new GraphBuilder('channel-block');
  const x = b.input('x', 'float32', [1, MOST, 1, 2]);
  const [y] = b.node(
    'ReorderInput',
    [x],
    {},
    {
      domain: 'com.microsoft.nchwc',
      types: [{ dtype: 'float32', shape: [1, MOST, 1, 2] }],
    },
  );
  if (y) b.output('y', y);
  try {
    const session = await createSession(toOnnx(b.build()));
    const image = Float32Array.from({ length: 2 * MOST }, (_, i) => i);
    const { y: blocked } = await session.run({ x: tensor.float32(image, [1, MOST, 1, 2]) });
    await session.release();
    // [block 0 of place 0, block 0 of place 1, …]: place 1 of channel 0 (element 1) comes after the first block
    const at = Array.from(blocked?.data as Float32Array).indexOf(1);
    return at > 1 && MOST % at === 0 ? at : 1;
  } catch {
    return 1;
  }
}
