import fs from 'node:fs';

/** When the process began, as Linux counts it: with the id it names a process for good, for ids are used again. 0 where that is not known. */
export function beganAt(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // the command's name may hold blanks and brackets: count from behind it
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? -1 : Number(fields[19]);
  } catch {
    return 0;
  }
}

/** Whether the very process that was noted down still lives. */
export function lives({ pid, began }) {
  try {
    process.kill(pid, 0);
  } catch (e) {
    if (e.code !== 'EPERM') return false;
  }
  const now = beganAt(pid);
  return now === 0 ? began === 0 : now === began;
}

export const noted = (pid) => ({ pid, began: beganAt(pid) });

/** The npm that runs this script (`npm start`), if one does: its sudden end is ours too. */
export function npmAbove(env) {
  if (!env.npm_lifecycle_event || process.platform !== 'linux') return undefined;
  let pid = process.ppid;
  for (let i = 0; i < 4 && pid > 1; i++) {
    try {
      const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      if (/\bnpm(-cli\.js)?\b/.test(command) && !/^\S*sh -c /.test(command)) return noted(pid);
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
      pid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    } catch {
      return undefined;
    }
  }
  return undefined;
}
