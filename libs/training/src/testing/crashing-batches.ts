import type { Batches } from '../batches.js';

/** A module whose code ends its thread. */
export const createBatches = (): Batches => ({ rows: 8, feeds: () => process.exit(3) });
