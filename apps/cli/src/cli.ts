import type { RecipeManifest } from '@strata/contracts';
import yargs from 'yargs';
import { Parser } from 'yargs/helpers';
import { Api } from './api/client.js';
import type { App } from './app.js';
import { catalog } from './catalog/command.js';
import { dataCommands } from './commands/data.js';
import { jobCommands } from './commands/jobs.js';
import { modelCommands } from './commands/models.js';
import { platformCommands } from './commands/platform.js';
import { sessionCommands } from './commands/session.js';
import { submit } from './commands/submit.js';
import { remoteWords, withoutDeeds } from './completion.js';
import { connectionOf, languageOf, ownVersion, readConfig } from './config.js';
import { demo } from './demo/command.js';
import { CommandLineError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { createIo } from './io.js';
import { translator } from './messages.js';
import { report } from './report.js';
import { duration } from './view/text.js';

/** The options that must be known before the rest can be read: language of the help, and whom to ask for a recipe's flags. */
function early(argv: readonly string[]) {
  const p = Parser([...argv], {
    boolean: ['json', 'help', 'version'],
    string: ['url', 'key', 'key-file', 'lang', '_'],
  });
  const s = (v: unknown): string => (typeof v === 'string' ? v : '');
  return {
    json: p.json === true,
    // after a command, or beside --help, it is not the question
    version: p.version === true && p.help !== true && p._.length === 0,
    lang: s(p.lang),
    url: s(p.url),
    key: s(p.key),
    keyFile: s(p['key-file']),
    words: p._.map(String),
  };
}

async function manifestFor(api: Api, words: readonly string[]): Promise<RecipeManifest | undefined> {
  const [command, recipe] = words;
  if (command !== 'submit' || !recipe?.includes('/')) return undefined;
  return api.get<RecipeManifest>(`/api/recipes/${recipe.split('/').map(encodeURIComponent).join('/')}`);
}

/** `--max_iter 5` is `--max-iter 5`: parameters have underscores in the API and dashes here. */
export const dashed = (argv: readonly string[]): string[] =>
  argv.map((word) => word.replace(/^--[^=]*/, (flag) => flag.replaceAll('_', '-')));

export interface Streams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** @returns the exit code */
export async function run(
  words: readonly string[],
  signal: AbortSignal,
  streams: Streams = { stdout: process.stdout, stderr: process.stderr },
): Promise<number> {
  const argv = dashed(words);
  const config = readConfig();
  const given = early(argv);
  const lang = given.lang === 'zh' || given.lang === 'en' ? given.lang : languageOf(config);
  const t = translator(lang);
  const io = createIo({ json: given.json, lang, t, colour: !config.NO_COLOR, ...streams });
  const completing = argv.includes('--get-yargs-completions');
  try {
    if (given.version && !completing) {
      const cli = ownVersion();
      io.document({ cli });
      io.out(cli);
      return EXIT.ok;
    }
    const connection = connectionOf(config, given);
    let said = false;
    const api = new Api(connection, (seconds) => {
      // one command may ask several times
      if (!said && !completing) io.say('kept_answer', { age: duration(seconds) });
      said = true;
    });
    const app: App = { io, api, config, connection, signal };
    const manifest = await manifestFor(api, given.words);
    const commands = [
      ...sessionCommands,
      demo,
      ...jobCommands,
      ...modelCommands,
      ...dataCommands,
      catalog,
      ...platformCommands,
    ];
    const y = (completing ? withoutDeeds(yargs(argv)) : yargs(argv))
      .scriptName('strata')
      .locale(lang === 'zh' ? 'zh_CN' : 'en')
      .parserConfiguration({ 'camel-case-expansion': false, 'parse-positional-numbers': false })
      .usage(t('usage'))
      .epilogue(t('epilogue'))
      .options({
        url: { type: 'string', describe: t('opt_url'), global: true },
        key: { type: 'string', describe: t('opt_key'), global: true },
        'key-file': { type: 'string', describe: t('opt_key_file'), global: true },
        json: { type: 'boolean', describe: t('opt_json'), global: true },
        lang: { choices: ['en', 'zh'], describe: t('opt_lang'), global: true },
      })
      .command(submit(app, manifest))
      .command(commands.map((c) => c(app)) as never)
      .completion(
        'get-completions',
        false,
        (current: string, parsed: { _?: unknown[] }, useYargs: () => void, done: (words: string[]) => void) => {
          const typed = (parsed._ ?? []).map(String).filter((w) => w !== '');
          // without the word that is being typed
          const before = current === '' ? typed : typed.slice(0, -1);
          const signalled = AbortSignal.timeout(1500);
          const late = new Promise<string[]>((r) => signalled.addEventListener('abort', () => r([])));
          void Promise.race([remoteWords(api, before, current), late]).then((found) => {
            if (found.length) done(found);
            else useYargs();
          });
        },
      )
      .demandCommand(1)
      .strict()
      .recommendCommands()
      .help()
      .version(false)
      // of the bare command only: after another one it may be meant for a model's version
      .option('version', { type: 'boolean', describe: t('opt_show_version'), global: false })
      .wrap(Math.min(110, io.columns))
      .fail((message: string | null, e: Error | undefined) => {
        if (completing) return; // a call that is still being typed is not wrong
        throw e && e.name !== 'YError' ? e : new CommandLineError(message ?? e?.message ?? '');
      })
      .exitProcess(false);
    // the text of --help comes here, and goes where every result goes
    await y.parseAsync(argv, {}, (_e: Error | undefined, _a: unknown, text: string) => {
      if (text) streams.stdout.write(`${text}\n`);
    });
    return EXIT.ok;
  } catch (e) {
    if (signal.aborted) return EXIT.interrupted;
    return report(io, e);
  }
}
