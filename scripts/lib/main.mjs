import fs from 'node:fs';
import path from 'node:path';
import { buildApps, generate } from './build.mjs';
import { node, nx } from './exec.mjs';

const cli = (root, args, env) => node(root, ['apps/cli/dist/main.js', ...args], env);

const TASKS = {
  async start(root) {
    const code = process.env.STRATA_NO_BUILD ? 0 : await buildApps(root);
    if (code) return code;
    const { launch } = await import('../../tools/devstack/src/launcher/launch.mjs');
    return launch({ root, env: process.env });
  },
  async stop(root) {
    const { stopRunning } = await import('./background.mjs');
    return stopRunning(root);
  },
  async demo(root, args) {
    const elsewhere = args.some((a) => /^--url(=|$)/.test(a)) || process.env.STRATA_URL;
    const code = await buildApps(root);
    if (code) return code;
    if (elsewhere) return cli(root, ['demo', ...args]);
    const { ensureRunning, stopRunning } = await import('./background.mjs');
    const platform = await ensureRunning(root);
    if (!platform) return 1;
    const stopAfter = args.includes('--stop');
    const rest = args.filter((a) => a !== '--stop');
    const keyFile = path.join(platform.dataDir, 'admin-key');
    const end = await cli(root, ['demo', '--url', platform.url, '--key-file', keyFile, ...rest]);
    if (stopAfter) await stopRunning(root);
    else if (platform.started) console.log('\nStrata keeps running in the background: `npm stop` ends it.');
    return end;
  },
  async test(root, args) {
    const { test } = await import('./test.mjs');
    return test(root, args);
  },
  build: async (root, args) =>
    (await generate(root)) || nx(root, ['run-many', '-t', 'build', '--output-style=static', ...args]),
  lint: async (root, args) =>
    (await generate(root)) || nx(root, ['run-many', '-t', 'lint', '--output-style=static', ...args]),
  async bench(root, [name, ...args]) {
    const dir = path.join(root, 'benchmarks');
    const known = fs.existsSync(dir) ? fs.readdirSync(dir).filter((n) => fs.existsSync(`${dir}/${n}/bench.mjs`)) : [];
    if (!name || !known.includes(name)) {
      console.error(`usage: npm run bench -- NAME [--quick] [--json]\nNAME is one of: ${known.join(', ') || '(none)'}`);
      return 2;
    }
    return (await buildApps(root)) || node(root, [`benchmarks/${name}/bench.mjs`, ...args]);
  },
  docs: async (root) => (await buildApps(root)) || node(root, ['tools/docs/write.mjs']),
  async proto(root) {
    const buf = (args) => node(root, ['node_modules/.bin/buf', 'generate', ...args]);
    return (await buf([])) || buf(['--template', 'buf.gen.onnx.yaml', '--path', 'proto/onnx.proto']);
  },
};

/** @returns {Promise<number>} exit code */
export async function main(root, [task, ...args]) {
  const run = TASKS[task];
  if (run) return run(root, args);
  console.error(`usage: node scripts/run.mjs ${Object.keys(TASKS).join('|')}`);
  return 2;
}
