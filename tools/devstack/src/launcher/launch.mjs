// `npm start`: the whole platform on one machine, until it is told to stop.
import fs from 'node:fs';
import path from 'node:path';
import { LauncherError } from '../errors.mjs';
import { startPostgres } from '../postgres.mjs';
import { startService } from '../services.mjs';
import { SERVICES, wiring } from '../stack.mjs';
import { takeLock } from './lock.mjs';
import { createLog, postgresLine } from './logs.mjs';
import { languageOf, translator } from './messages.mjs';
import { checkDataDir, checkPorts, keptSecret, portsOf } from './preflight.mjs';
import { lives, npmAbove } from './processes.mjs';
import { supervise } from './supervise.mjs';

const KEY_FILE = 'admin-key';
const WORKERS = ['trainer', 'inference', 'compression'];

export const dataDirOf = (root, env) => path.resolve(root, env.STRATA_DATA_DIR || '.data');

/** One sentence with its code, instead of a stack; what nobody foresaw keeps its stack. */
export function explain(e, t) {
  const known = e instanceof LauncherError;
  return `${t('cannot_start')} [${known ? e.code : 'internal'}]: ${known ? e.message : (e?.stack ?? e)}`;
}

/**
 * Starts everything and resolves with the exit code when everything has stopped.
 * @param {{ root: string, env: NodeJS.ProcessEnv, out?: NodeJS.WritableStream, entry?: (name: string) => { script: string, args: string[] } }} options
 */
export async function launch({ root, env, out = process.stdout, entry }) {
  const began = performance.now();
  const seconds = (from = began) => ((performance.now() - from) / 1000).toFixed(1);
  const t = translator(languageOf(env));
  const log = createLog(out);
  const say = (line, level) => log('strata', line, level);
  const dataDir = dataDirOf(root, env);
  const host = env.STRATA_HOST || '127.0.0.1';
  const ended = Promise.withResolvers();
  /** @type {ReturnType<typeof supervise>[]} */
  const running = [];
  let lock;
  let stopping;

  const end = (names, graceMs) =>
    Promise.all(running.filter((p) => names.includes(p.name)).map((p) => p.stop(graceMs)));
  const endAll = async () => {
    // workers first, while the gateway still takes down what they report; the database last
    await end(WORKERS, 35_000);
    await end(['gateway']);
    await end(['catalog']);
    await end(['postgres']);
    lock?.release();
  };
  const stop = (why, code) => {
    stopping ??= (async () => {
      say(t('stopping', { why }));
      await endAll();
      if (lock) say(t('stopped', { dir: dataDir }));
      ended.resolve(code);
    })();
    return stopping;
  };
  listenForStop({ env, stop, t, force: () => Promise.all(running.map((p) => p.kill())), say });

  const keep = async (name, start) => {
    const line = (words, level) => log(name, words, level);
    const giveUp = (who, n) => {
      say(t('giving_up', { name: who, n }), 'error');
      void stop(t('cannot_start'), 1);
    };
    const p = supervise({ name, start, say: line, t, onGiveUp: giveUp });
    running.push(p);
    await p.start();
  };

  try {
    const ports = portsOf(env, t);
    checkDataDir(dataDir, t);
    lock = await takeLock(dataDir, { say, t });
    await checkPorts(ports, { host, t, skip: ['postgres'] });
    say(t('starting', { dir: dataDir }));
    const databaseUrl = await database({ env, dataDir, port: ports.postgres, lock, log, say, t, keep });
    const settings = wiring({
      dataDir,
      databaseUrl,
      redisUrl: env.REDIS_URL,
      ports,
      host,
      serviceToken: env.SERVICE_TOKEN || keptSecret(dataDir, 'service-token'),
    });
    const firstStart = !fs.existsSync(path.join(dataDir, KEY_FILE));
    const service = (name) => async (spawned) => {
      const from = performance.now();
      const s = startService(name, {
        root,
        env: settings(name),
        onLine: (line) => log(name, line),
        ...(entry ? { entry: entry(name).script, args: entry(name).args } : {}),
      });
      spawned(s);
      lock.note(s.pid);
      await s.ready;
      log(name, t('service_up', { s: seconds(from) }));
      return s;
    };
    // the workers look for a gateway as soon as they live
    const early = SERVICES.filter((name) => !WORKERS.includes(name));
    for (const names of [early, WORKERS]) await Promise.all(names.map((name) => keep(name, service(name))));
    if (!stopping) {
      const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
      const url = `http://${shown}:${ports.gateway}`;
      lock.ready(url);
      out.write(welcome({ url, dataDir, root, firstStart, s: seconds(), t }));
    }
  } catch (e) {
    if (!stopping) {
      stopping = endAll();
      await stopping;
      process.stderr.write(`${explain(e, t)}\n`);
      return 1;
    }
  }
  return ended.promise;
}

async function database({ env, dataDir, port, lock, log, say, t, keep }) {
  if (env.DATABASE_URL) {
    say(t('own_database'));
    return env.DATABASE_URL;
  }
  const dir = path.join(dataDir, 'postgres');
  if (!fs.existsSync(dir) && !fs.existsSync(`${dir}.location`)) say(t('first_start'));
  const password = keptSecret(dataDir, 'postgres-password');
  let url = '';
  const fromPostgres = (line) => {
    const r = postgresLine(line);
    if (r) log('postgres', r.words, r.level);
  };
  await keep('postgres', async () => {
    const taken = () => checkPorts({ postgres: port }, { t });
    const pg = await startPostgres({ dataDir: dir, port, password, log: fromPostgres }).catch(async (e) => {
      if (e.code === 'port_in_use') await taken();
      throw e;
    });
    lock.note(pg.pid);
    url = pg.url;
    return { ...pg, kill: () => pg.kill('SIGQUIT') };
  });
  return url;
}

function welcome({ url, dataDir, root, firstStart, s, t }) {
  const file = path.join(dataDir, KEY_FILE);
  const shown = path.relative(root, file).startsWith('..') ? file : path.relative(root, file);
  const key = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : '';
  const rows = [
    [t('at'), url],
    [t('docs'), `${url}/api/docs`],
    [t('key'), firstStart && key ? `${key}  ${t('key_kept', { file: shown })}` : t('key_in', { file: shown })],
    [t('next'), t('next_is')],
  ];
  const width = (w) => [...w].reduce((n, c) => n + (c.codePointAt(0) > 0x2e80 ? 2 : 1), 0);
  const most = Math.max(...rows.map(([k]) => width(k)));
  const lines = rows.map(([k, v]) => `  ${k}${' '.repeat(most - width(k) + 2)}${v}`);
  return `\n${t('ready', { s })}\n${lines.join('\n')}\n\n`;
}

/** Ctrl-C, SIGTERM, SIGHUP, the end of the bootstrap that forked us, the end of the npm above it. */
function listenForStop({ env, stop, t, force, say }) {
  let first = 0;
  process.on('SIGINT', () => {
    if (first && Date.now() - first > 1000) {
      say(t('force'));
      void force();
    }
    first ||= Date.now();
    void stop('Ctrl-C', 0);
  });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => void stop(signal, 0));
  process.on('message', (m) => m?.type === 'stop' && void stop(m.signal, 0));
  if (process.send) process.once('disconnect', () => void stop(t('parent_gone'), 1));
  // a closed terminal must not turn the last words into a crash
  for (const s of [process.stdout, process.stderr]) s.on('error', () => {});
  const npm = npmAbove(env);
  if (npm) setInterval(() => lives(npm) || void stop(t('parent_gone'), 1), 500).unref();
}
