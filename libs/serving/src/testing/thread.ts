import type { ModelHostOptions } from '../index.js';

/** Model threads from TypeScript sources: tests need no build. */
export const sourceThread = (script = '../host/thread.ts'): NonNullable<ModelHostOptions['thread']> => ({
  entry: new URL(script, import.meta.url),
  execArgv: [
    '--conditions',
    '@strata/source',
    '--import',
    new URL('../../../../tools/ts-register.mjs', import.meta.url).href,
  ],
});
