import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline/promises';
import path from 'node:path';
import type { KeyView } from '@strata/contracts';
import { z } from 'zod';
import { Api } from '../api/client.js';
import { CHECKOUT, forgetLogin, ownVersion, saveLogin } from '../config.js';
import { ApiError, JobFailed, Unreachable, UsageError } from '../errors.js';
import { completionScript } from '../completion.js';
import { type Args, type Command, required, text } from './common.js';

async function askKey(question: string): Promise<string> {
  if (!process.stdin.isTTY) {
    const parts: Buffer[] = [];
    for await (const part of process.stdin) parts.push(part as Buffer);
    return Buffer.concat(parts).toString('utf8').trim();
  }
  const rl = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await rl.question(question)).trim();
  } finally {
    rl.close();
  }
}

const login: Command = (app) => ({
  command: 'login',
  describe: app.io.t('cmd_login'),
  handler: async (args: Args) => {
    const { io, connection, config } = app;
    // a key given as text, in a file, or known from the platform of this checkout; else it is asked for
    const key = connection.key ?? (text(args.key) || (await askKey(io.t('ask_key'))));
    if (!key) throw new UsageError('u_key_empty');
    const url = connection.url;
    const current = await new Api({ ...connection, key }).get<KeyView>('/api/keys/current');
    const kept = saveLogin(config, url, key);
    io.document({ url, key_file: kept.keyFile, name: current.name, tenant: current.tenant, scopes: current.scopes });
    io.out(io.t('logged_in', { url, name: current.name, tenant: current.tenant }));
  },
});

const logout: Command = (app) => ({
  command: 'logout',
  describe: app.io.t('cmd_logout'),
  handler: () => {
    forgetLogin(app.config);
    app.io.document({ ok: true });
    app.io.out(app.io.t('logged_out'));
  },
});

const start: Command = (app) => ({
  command: 'start',
  describe: app.io.t('cmd_start'),
  handler: async () => {
    const child = spawn(process.execPath, [path.join(CHECKOUT, 'scripts/run.mjs'), 'start'], {
      cwd: CHECKOUT,
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    });
    app.signal.addEventListener('abort', () => child.connected && child.send({ type: 'stop', signal: 'Ctrl-C' }));
    const code = await new Promise<number>((resolve) => child.once('exit', (c) => resolve(c ?? 1)));
    if (code) throw new JobFailed();
  },
});

const Health = z.object({ info: z.object({ version: z.string() }) });

const version: Command = (app) => ({
  command: 'version',
  describe: app.io.t('cmd_version'),
  handler: async () => {
    const { io, api } = app;
    const cli = ownVersion();
    let gateway: string | null = null;
    try {
      gateway = Health.safeParse(await api.get('/api/openapi.json')).data?.info.version ?? null;
    } catch (e) {
      // the version of the command line is told even when no gateway answers
      if (!(e instanceof Unreachable || e instanceof ApiError)) throw e;
    }
    io.document({ cli, gateway, url: api.url, node: process.version });
    io.out(`strata   ${cli}\ngateway  ${gateway ?? '-'}  ${api.url}\nnode     ${process.version}`);
  },
});

const completion: Command = (app) => ({
  command: 'completion <shell>',
  describe: app.io.t('cmd_completion'),
  builder: (y) => y.positional('shell', { choices: ['bash', 'zsh'], describe: app.io.t('arg_shell') }) as never,
  handler: (args: Args) => {
    process.stdout.write(completionScript(required(args.shell) === 'zsh' ? 'zsh' : 'bash'));
  },
});

export const sessionCommands = [login, logout, start, version, completion];
