import { spawn } from 'node:child_process';
import path from 'node:path';

/** Runs a command in the checkout on its own Node and packages; resolves with the exit code. A stop that reaches us goes on to it. */
export function exec(root, cmd, args, env = {}) {
  return new Promise((resolve, reject) => {
    const c = spawn(cmd, args, {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        PATH: `${path.join(root, 'node_modules/.bin')}${path.delimiter}${process.env.PATH}`,
        ...env,
      },
    });
    const end = (signal) => c.kill(signal);
    const onMessage = (m) => m?.type === 'stop' && end(m.signal);
    const onGone = () => end('SIGTERM');
    process.on('message', onMessage).once('disconnect', onGone);
    for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(s, end);
    c.once('error', reject);
    c.once('exit', (code, signal) => {
      process.off('message', onMessage).off('disconnect', onGone);
      for (const s of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(s, end);
      resolve(code ?? (signal ? 130 : 1));
    });
  });
}

export const node = (root, args, env) => exec(root, process.execPath, args, env);

export const nx = (root, args) =>
  node(root, [path.join(root, 'node_modules/nx/dist/bin/nx.js'), ...args], { NX_DAEMON: 'false', NX_TUI: 'false' });
