import { fork } from 'node:child_process';
import { LauncherError } from './errors.mjs';

/**
 * What Node is told for a service beside what all are told; the Dockerfile says the same. The catalog answers in less than a millisecond, and all calls wait for the
 * garbage collector: with 2 MiB of room for young objects that takes half a millisecond, by one thread, since others would have to be waited for. All objects begin
 * young, which is what they die: V8 would put some of each call among the old ones, where they keep the rest of it. The old ones are gone through when they have become
 * three times as many: 80 ms, which otherwise came about every second.
 */
const FLAGS = {
  catalog: [
    '--max-semi-space-size=2',
    '--no-parallel-scavenge',
    '--no-allocation-site-pretenuring',
    '--heap-growing-percent=200',
  ],
};

/**
 * Forks one service and waits for its `{type: 'ready'}` over IPC. It lives in a process group of its own, so Ctrl-C goes to
 * the supervisor alone, and it ends by itself when the IPC channel closes, so a killed supervisor leaves nothing behind.
 * @param {string} name
 * @param {import('./index.d.mts').ServiceOptions} options
 * @returns {import('./index.d.mts').Service}
 */
export function startService(name, { env, root, out = 'inherit', entry, args = [], onLine, execArgv = [] }) {
  const started = performance.now();
  const child = fork(entry ?? `${root}/apps/${name}/dist/main.js`, args, {
    cwd: root,
    env: { ...process.env, ...env },
    detached: true,
    execArgv: ['--enable-source-maps', ...(FLAGS[name] ?? []), ...execArgv],
    stdio: ['ignore', ...(onLine ? ['pipe', 'pipe'] : [out, out]), 'ipc'],
  });
  let tail = '';
  for (const s of [child.stdout, child.stderr]) {
    if (!s || !onLine) continue;
    let rest = '';
    s.setEncoding('utf8').on('data', (d) => {
      tail = (tail + d).slice(-4000);
      const lines = (rest + d).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    });
    s.on('end', () => rest && onLine(rest));
  }
  const exit = new Promise((r) => child.once('exit', (code, signal) => r({ code, signal })));
  const ready = new Promise((resolve, reject) => {
    child.on('message', (m) => {
      if (m?.type === 'ready') resolve({ ...m, wall: Math.round(performance.now() - started) });
      if (m?.type === 'failed') reject(new LauncherError(m.code, `${name}: ${m.message.replace(`${m.code}: `, '')}`));
    });
    void exit.then(({ code, signal }) =>
      reject(new Error(`${name} exited before it was ready (${signal ?? `code ${code}`})\n${tail}`)),
    );
    child.once('error', reject);
  });
  ready.catch(() => {}); // a caller that never waits for it must not die of it
  return {
    name,
    pid: child.pid,
    child,
    exit,
    ready,
    async stop(graceMs = 15_000) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const t = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await exit;
      clearTimeout(t);
    },
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await exit;
    },
  };
}
