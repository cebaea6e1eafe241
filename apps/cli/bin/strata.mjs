#!/usr/bin/env node
// Runs the built command line on the packaged Node 24; builds it first where that has not been done yet.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const main = path.join(root, 'apps/cli/dist/main.js');
const packaged = path.join(root, 'node_modules/.bin/node');
const major = Number(process.version.slice(1).split('.')[0]);
const node = major < 24 && fs.existsSync(packaged) ? packaged : process.execPath;

if (!fs.existsSync(main)) {
  const tsc = path.join(root, 'node_modules/typescript7/bin/tsc');
  const built =
    fs.existsSync(tsc) && spawnSync(node, [tsc, '-b', 'apps/cli'], { cwd: root, stdio: 'inherit' }).status === 0;
  if (!built) {
    console.error(`strata is not built: run \`npm run build\` in ${root}`);
    process.exit(1);
  }
}
if (node === process.execPath) await import(main);
else {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.on('SIGINT', () => {}); // the terminal sends it to the child itself
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}
