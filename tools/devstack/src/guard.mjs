import { spawn } from 'node:child_process';

/**
 * Ends process `pid` when this one is gone, however it went: a SIGKILL closes our end of the pipe too, and the guard
 * then waits `delay` seconds (others may still be writing), asks with `signal`, and insists after ten more.
 * Returns a function that dismisses the guard.
 */
export function guard(pid, { signal = 'INT', delay = 2 } = {}) {
  const script = `read -r _; sleep ${delay}; kill -${signal} "$0" 2>/dev/null || exit 0
i=0; while [ $i -lt 100 ] && kill -0 "$0" 2>/dev/null; do sleep 0.1; i=$((i+1)); done; kill -KILL "$0" 2>/dev/null`;
  const child = spawn('sh', ['-c', script, String(pid)], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.unref();
  child.stdin.unref();
  child.stdin.on('error', () => {});
  return () => child.kill('SIGKILL');
}
