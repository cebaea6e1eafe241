import path from 'node:path';
import { CHECKOUT } from '../config.js';
import { text, type Args, type Command } from '../commands/common.js';
import { readingOf, withReading } from '../commands/submit.js';
import { UsageError } from '../errors.js';
import { runDemo } from './demo.js';

const BUNDLED = path.join(CHECKOUT, 'apps/cli/demo/participants.csv');

export const demo: Command = (app) => ({
  command: 'demo',
  describe: app.io.t('cmd_demo'),
  builder: (y) =>
    withReading(y, app)
      .option('data', { type: 'string', describe: app.io.t('opt_data') })
      .option('target', { type: 'string', describe: app.io.t('opt_target') })
      .option('test', { type: 'string', describe: app.io.t('opt_test') })
      .option('name', { type: 'string', describe: app.io.t('opt_demo_name') })
      .option('seed', { type: 'number', default: 1, describe: app.io.t('opt_seed') }) as never,
  handler: async (args: Args) => {
    const data = text(args.data);
    if (text(args.test) && !data) throw new UsageError('u_no_file', { path: '--data' });
    await runDemo(app, {
      data: data ?? BUNDLED,
      bundled: data === undefined,
      target: text(args.target) ?? (data ? undefined : 'label'),
      test: text(args.test),
      name: text(args.name),
      seed: typeof args.seed === 'number' && Number.isInteger(args.seed) ? args.seed : 1,
      reading: readingOf(args),
    });
  },
});
