import { node } from './exec.mjs';

const TSC = 'node_modules/typescript7/bin/tsc';
const APPS = ['gateway', 'catalog', 'trainer', 'inference', 'compression', 'cli'].map((a) => `apps/${a}`);

/** Code that is made from other files and not kept in git. */
export const generate = (root) => node(root, ['tools/recipes-index.mjs']);

/** One compiler for all projects: it emits only what changed, and nothing at all in a tenth of a second. */
export async function buildApps(root, apps = APPS) {
  return (await generate(root)) || node(root, [TSC, '-b', ...apps]);
}

/** Types of everything, tests included. */
export const checkTypes = (root) => node(root, [TSC, '-b', '.']);
