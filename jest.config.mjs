// inside a test process.env is a copy that native code does not see: switch it off here, in the real one
process.env.ORT_DISABLE_TELEMETRY = '1';

/** One ESM Jest for the whole workspace; each Nx project runs it on its own folder. */
const swc = {
  jsc: {
    target: 'es2023',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    keepClassNames: true,
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
  swcrc: false,
};

export default {
  testEnvironment: new URL('./tools/jest-env.mjs', import.meta.url).pathname,
  testEnvironmentOptions: { customExportConditions: ['@strata/source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  reporters: ['default', new URL('./tools/jest-counts.mjs', import.meta.url).pathname],
  testMatch: ['**/*.spec.ts'],
  // a busy machine is no failure
  testTimeout: 30_000,
  modulePathIgnorePatterns: ['/dist/'],
};
