import type { Argv } from 'yargs';
import type { Query } from '../api/client.js';
import type { App } from '../app.js';
import { type Args, text, words } from '../commands/common.js';
import { joined, kindsOf } from './words.js';

/** Conditions that a list and a search share; each narrows. */
export const withFilters = (y: Argv, { io: { t } }: App): Argv =>
  y
    .option('kind', { type: 'string', array: true, nargs: 1, describe: t('opt_kinds') })
    .option('tag', { type: 'string', describe: t('opt_tag') })
    .option('openness', { type: 'string', describe: t('opt_openness') })
    .option('region', { type: 'string', describe: t('opt_region') })
    .option('runnable', { type: 'boolean', describe: t('opt_runnable') })
    .option('has-recipe', { type: 'boolean', describe: t('opt_has_recipe') })
    .option('where', { type: 'string', array: true, nargs: 1, describe: t('opt_where') })
    .option('private', { type: 'boolean', describe: t('opt_private') });

const flag = (v: unknown): boolean | undefined => (typeof v === 'boolean' ? v : undefined);

/** @throws UsageError */
export const filterOf = (args: Args): Query => ({
  kind: kindsOf(words(args.kind)),
  tag: text(args.tag),
  openness: text(args.openness),
  region: text(args.region),
  runnable: flag(args.runnable),
  has_recipe: flag(args['has-recipe']),
  where: joined(words(args.where)),
  // there is no asking for entries that are not one's own
  private: args.private === true ? true : undefined,
});
