// A Jest reporter: writes how many tests of a project passed, where `npm test` adds them up. Under nx only.
import fs from 'node:fs';
import path from 'node:path';

export default class Counts {
  onRunComplete(_contexts, r) {
    const { NX_TASK_TARGET_PROJECT: project, NX_TASK_TARGET_TARGET: target } = process.env;
    if (!project) return;
    const dir = path.join(import.meta.dirname, '../node_modules/.cache/strata-tests', project);
    fs.mkdirSync(dir, { recursive: true });
    const counts = {
      passed: r.numPassedTests,
      // a file that does not even load holds no tests that could fail
      failed: r.numFailedTests + r.numRuntimeErrorTestSuites,
      skipped: r.numPendingTests + r.numTodoTests,
    };
    fs.writeFileSync(path.join(dir, `${target}.json`), JSON.stringify(counts));
  }
}
