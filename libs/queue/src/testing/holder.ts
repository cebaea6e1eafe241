// A consumer in a process of its own, for tests that kill or freeze it.
import { createConsumer, type QueueConfig } from '../index.js';

const [config = '', queue = '', mode] = process.argv.slice(2);
const FROZEN_MS = 4000;

createConsumer(
  JSON.parse(config) as QueueConfig,
  queue,
  async (job) => {
    console.log(`started ${job.id}`);
    if (mode === 'freeze') {
      // as a native call does: no timer, no lock renewal
      await new Promise((resolve) => setTimeout(resolve, 100));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FROZEN_MS);
    }
    job.signal.addEventListener('abort', () => console.log(`aborted ${job.id}`));
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  },
  { lockMs: 1000, stalledMs: 300 },
);
