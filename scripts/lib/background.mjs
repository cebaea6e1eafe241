// A platform that outlives the command that needed it: `npm run demo` starts one when none runs, `npm stop` ends it.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { dataDirOf } from '../../tools/devstack/src/launcher/launch.mjs';
import { readLock } from '../../tools/devstack/src/launcher/lock.mjs';
import { lives } from '../../tools/devstack/src/launcher/processes.mjs';
import { languageOf, translator } from '../../tools/devstack/src/launcher/messages.mjs';

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const READY_S = 90;

/** The platform on this data folder, if it runs and is ready or about to be. */
async function runningOn(dataDir) {
  for (let i = 0; i < READY_S * 10; i++) {
    const lock = readLock(dataDir);
    if (!lock?.alive) return undefined;
    if (lock.state === 'ready') return lock;
    await sleep(100);
  }
  return undefined;
}

/** @returns the address of a running platform, which this call may have started; undefined when it cannot be started (the reason is told) */
export async function ensureRunning(root) {
  const dataDir = dataDirOf(root, process.env);
  const already = await runningOn(dataDir);
  if (already) return { url: already.url, dataDir, started: false };
  const env = { ...process.env };
  delete env.npm_lifecycle_event; // it shall outlive the npm that runs us
  let logFile;
  let out = 'ignore';
  try {
    fs.mkdirSync(path.join(dataDir, 'logs'), { recursive: true });
    logFile = path.join(dataDir, 'logs/strata.log');
    out = fs.openSync(logFile, 'w');
  } catch {
    out = 'inherit'; // the launcher says what is wrong with the folder
  }
  console.log(`starting Strata in the background${logFile ? ` (its log: ${path.relative(root, logFile)})` : ''} ...`);
  const child = spawn(process.execPath, [path.join(root, 'scripts/run.mjs'), 'start'], {
    cwd: root,
    detached: true,
    stdio: ['ignore', out, out],
    env: { ...env, STRATA_REEXEC: '1', STRATA_NO_BUILD: '1' },
  });
  child.unref();
  for (;;) {
    const lock = readLock(dataDir);
    if (lock?.pid === child.pid && lock.state === 'ready') return { url: lock.url, dataDir, started: true };
    if (child.exitCode !== null || child.signalCode !== null) {
      if (logFile) process.stderr.write(fs.readFileSync(logFile, 'utf8').split('\n').slice(-15).join('\n'));
      return undefined;
    }
    await sleep(100);
  }
}

/** `npm stop` */
export async function stopRunning(root) {
  const dataDir = dataDirOf(root, process.env);
  const t = translator(languageOf(process.env));
  const lock = readLock(dataDir);
  if (!lock?.alive) {
    console.log(t('not_running', { dir: dataDir }));
    return 0;
  }
  process.kill(lock.pid, 'SIGTERM');
  while (lives(lock)) await sleep(100);
  console.log(t('stopped', { dir: dataDir }));
  return 0;
}
