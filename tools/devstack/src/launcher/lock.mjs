// DATA/strata.lock: which launcher owns the folder, where it answers, and which processes it has started.
import fs from 'node:fs';
import path from 'node:path';
import { LauncherError } from '../errors.mjs';
import { lives, noted } from './processes.mjs';

const FILE = 'strata.lock';
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

/** @returns what the owner of the folder has noted, with `alive`; undefined when nobody has */
export function readLock(dataDir) {
  let text;
  try {
    text = fs.readFileSync(path.join(dataDir, FILE), 'utf8');
  } catch {
    return undefined;
  }
  try {
    const lock = JSON.parse(text);
    return { ...lock, alive: lives(lock) };
  } catch {
    return { pid: 0, began: 0, children: [], alive: false }; // cut off by a full disk or a loss of power
  }
}

/**
 * Takes the folder for this process. What a killed owner left running is waited for (its processes end by themselves),
 * and ended after `patienceMs`.
 * @throws LauncherError `conflict` when another launcher lives on it
 */
export async function takeLock(dataDir, { say, t, patienceMs = 4000 }) {
  const file = path.join(dataDir, FILE);
  const mine = { ...noted(process.pid), state: 'starting', url: null, children: [] };
  const write = () => {
    fs.writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(mine)}\n`, { mode: 0o600 });
    fs.renameSync(`${file}.${process.pid}`, file);
  };
  const old = readLock(dataDir);
  if (old?.alive && old.pid !== process.pid)
    throw new LauncherError(
      'conflict',
      t('running', { pid: old.pid, dir: dataDir, at: old.url ? ` (${old.url})` : '' }),
    );
  write();
  await sleep(20);
  const now = readLock(dataDir); // two that start at the same moment: the one that wrote last has it
  if (now?.pid !== process.pid)
    throw new LauncherError('conflict', t('running', { pid: now?.pid, dir: dataDir, at: '' }));
  if (old) {
    say(t('took_over'));
    const left = () => old.children.filter(lives);
    for (const end = Date.now() + patienceMs; left().length && Date.now() < end;) await sleep(50);
    const n = left().length;
    for (const { pid } of left()) process.kill(pid, 'SIGKILL');
    if (n) say(t('stopped_left_over', { n }));
  }
  return {
    note(pid) {
      mine.children = [...mine.children.filter(lives), noted(pid)];
      write();
    },
    ready(url) {
      Object.assign(mine, { state: 'ready', url });
      write();
    },
    release() {
      if (readLock(dataDir)?.pid === process.pid) fs.rmSync(file, { force: true });
    },
  };
}
