import { openSpool } from '../worker/spool.js';

// Appends events for ever and says on standard output which numbers are durable, until it is killed.
const spool = await openSpool({ dir: process.argv[2] ?? '', segmentBytes: 20_000, warn: () => undefined });
for (let i = 0; ; i++) {
  const event = {
    jobId: 'job_1',
    attempt: 1,
    timeMs: i,
    body: JSON.stringify({ type: 'log', message: 'x'.repeat(i % 300) }),
  };
  const durable = i % 10 === 0;
  await spool.append([event], durable);
  if (durable) process.stdout.write(`${spool.last}\n`);
}
