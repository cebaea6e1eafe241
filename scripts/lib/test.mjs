// `npm test`: types, format, lint and every test, and at the end one line with the real counts.
import fs from 'node:fs';
import path from 'node:path';
import { buildApps, checkTypes } from './build.mjs';
import { node, nx } from './exec.mjs';

// tools/jest-counts.mjs writes one file for each run of a project's tests; nx caches it with the run
const RESULTS = 'node_modules/.cache/strata-tests';

/** Adds up the result files. Pure, but for reading them. */
export function countsIn(dir) {
  const sum = { passed: 0, failed: 0, skipped: 0, files: 0, failures: [] };
  for (const name of fs.existsSync(dir) ? fs.readdirSync(dir, { recursive: true }) : []) {
    if (!name.endsWith('.json')) continue;
    const r = JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8'));
    sum.passed += r.passed;
    sum.failed += r.failed;
    sum.skipped += r.skipped;
    sum.files += 1;
    sum.failures.push(...r.failures);
  }
  return sum;
}

export function lastLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`;
}

export async function test(root, args) {
  const dir = path.join(root, RESULTS);
  fs.rmSync(dir, { recursive: true, force: true }); // what a project no longer has must not count
  const failures = [];
  const step = async (what, run) => {
    if (await run()) failures.push(what);
  };
  await step('build', () => buildApps(root));
  await step('types', () => checkTypes(root));
  await step('format', () =>
    node(root, ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.']),
  );
  const many = (...extra) => nx(root, ['run-many', '--output-style=static', ...extra, ...args]);
  if (args.some((a) => a === '-t' || a.startsWith('--target'))) await step('lint and tests', () => many());
  else {
    await step('lint and tests', () => many('-t', 'lint,test'));
    // whole platforms with real faults: one after another, with the machine to themselves
    await step('end-to-end tests', () => many('-t', 'e2e', '--parallel=1'));
  }
  const counts = countsIn(dir);
  // a project that does not lint, compile or load has no failed test of its own, and must not look green
  if (failures.length && !counts.failed) counts.failed = failures.length;
  // again at the end, where nobody has to look for them
  for (const { file, test, message } of counts.failures) console.log(`\n${file}: ${test}\n${message}`);
  if (failures.length) console.log(`\nfailed: ${failures.join(', ')}`);
  console.log(lastLine(counts));
  return failures.length ? 1 : 0;
}
