import type { Command } from '../commands/common.js';
import { check } from './check.js';
import { figureCommands } from './figures.js';
import { historyCommands } from './history.js';
import { readCommands } from './read.js';
import { transferCommands } from './transfer.js';

const COMMANDS = [...readCommands, ...figureCommands, ...transferCommands, ...historyCommands, check];

export const catalog: Command = (app) => ({
  command: 'catalog <action>',
  describe: app.io.t('cmd_catalog'),
  builder: (y) => y.command(COMMANDS.map((c) => c(app)) as never).demandCommand(1) as never,
  handler: () => {},
});
