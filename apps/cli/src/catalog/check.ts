import { type Args, type Command, text, words } from '../commands/common.js';
import { CheckFailed } from '../errors.js';

/** What can be read as entries. */
export const FORMATS = ['yaml', 'json', 'jsonld', 'csv', 'graphml'] as const;

export const check: Command = (app) => ({
  command: 'check [paths..]',
  describe: app.io.t('cmd_catalog_check'),
  builder: (y) =>
    y
      .positional('paths', { type: 'string', array: true, describe: app.io.t('arg_check') })
      .option('format', { choices: FORMATS, describe: app.io.t('opt_import_format') })
      .option('beside', { type: 'string', describe: app.io.t('opt_beside') })
      .option('alone', { type: 'boolean', describe: app.io.t('opt_alone') }) as never,
  handler: async (args: Args) => {
    const { io } = app;
    // reading entries needs parsers that no other command does
    const { problemsOf, tellProblems } = await import('./checking.js');
    const { read, problems } = await problemsOf(
      words(args.paths),
      text(args.format) ?? '',
      text(args.beside),
      args.alone === true,
    );
    const counts = { files: read.files, entries: read.entries.length };
    io.document({ object: 'catalog_check', ...counts, problems });
    tellProblems(io, problems);
    if (!problems.length) return io.out(io.t('c_sound', counts));
    if (!io.json) io.say('c_problems', { ...counts, problems: problems.length });
    throw new CheckFailed();
  },
});
