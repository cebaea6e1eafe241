// The two sides of the benchmark as processes that answer one JSON line for each that they are sent.
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));

/** A Python with PyTorch: STRATA_PYTHON, or what is on the path. */
export async function findTorch() {
  for (const python of [process.env.STRATA_PYTHON, 'python3', 'python']) {
    if (!python) continue;
    const r = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' });
    if (r.status === 0) return { python, version: r.stdout.trim() };
  }
  return undefined;
}

function start(command, args) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (d) => (errors = (errors + d).slice(-2000)));
  const waiting = [];
  let ended;
  readline.createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(line));
  child.on('close', (code) => {
    ended = new Error(`${command} ended with ${code}: ${errors.trim().split('\n').at(-1) ?? ''}`);
    for (const w of waiting.splice(0)) w.reject(ended);
  });
  child.stdin.on('error', () => undefined); // its end is reported by `close`
  const ask = async (what) => {
    if (ended) throw ended;
    const line = await new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      child.stdin.write(JSON.stringify(what) + '\n');
    });
    return JSON.parse(line);
  };
  return { ask, steps: (n) => ask({ do: 'steps', n }), stop: () => child.kill() };
}

async function open(side, setup) {
  const opened = await side.ask({ do: 'open', ...setup });
  return { ...side, opened };
}

export const startPeer = (torch, setup) => open(start(torch.python, [path.join(here, 'peer.py')]), setup);
export const startStrata = (root, setup) => open(start(process.execPath, [path.join(here, 'strata.mjs')]), setup);
