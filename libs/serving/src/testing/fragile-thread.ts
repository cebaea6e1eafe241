// A model's thread that ends when it is given the number 666, as a crash inside it would.
import { parentPort } from 'node:worker_threads';
import type { ToThread } from '../host/thread.js';

parentPort?.on('message', (message: ToThread) => {
  if ('inputs' in message && message.inputs['x']?.data[0] === 666) process.exit(7);
});
await import('../host/thread.js');
