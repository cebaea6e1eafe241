import { run } from './cli.js';

const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
// a pager that was closed early is no failure
process.stdout.on('error', (e: NodeJS.ErrnoException) => process.exit(e.code === 'EPIPE' ? 0 : 1));
process.exitCode = await run(process.argv.slice(2), interrupt.signal);
