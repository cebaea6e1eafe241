// A Jest reporter: writes how many tests of a project passed, and what failed, where `npm test` adds them up. Under nx only.
import fs from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** Most lines of a failure; all of them are in the full output. */
const LINES = 25;

const failed = (file, test, message) => ({
  file: path.relative(path.join(import.meta.dirname, '..'), file),
  test,
  message: stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => !/^\s+at .*(node_modules\/jest|<anonymous>)/.test(line))
    .slice(0, LINES)
    .join('\n'),
});
const failuresOf = ({ testFilePath: file, testExecError, failureMessage, testResults }) => {
  const tests = testResults.filter((t) => t.status === 'failed');
  if (tests.length > 0) return tests.map((t) => failed(file, t.fullName, t.failureMessages.join('\n')));
  return testExecError ? [failed(file, '(the file)', failureMessage ?? testExecError.message)] : [];
};

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
      failures: r.testResults.flatMap(failuresOf),
    };
    fs.writeFileSync(path.join(dir, `${target}.json`), JSON.stringify(counts));
  }
}
