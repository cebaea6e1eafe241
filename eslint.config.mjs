import nx from '@nx/eslint-plugin';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

const FLOORS = 8;
/** Imports go down the floors only, never sideways: docs/architecture.md has the plan. */
const floors = Array.from({ length: FLOORS }, (_, n) => ({
  sourceTag: `floor:${n}`,
  onlyDependOnLibsWithTags: Array.from({ length: n }, (_, below) => `floor:${below}`),
}));
const NEST = ['@nestjs/*', 'nestjs-pino', '@bull-board/*'];
const RUNTIME = ['onnxruntime-node', 'onnxruntime-common', 'onnxruntime-web'];
const QUEUE = ['bullmq', 'ioredis'];
/** What an environment may not import from npm. Only libs/runtime and libs/queue lift a part of this, below. */
const environments = [
  { sourceTag: 'env:pure', bannedExternalImports: [...NEST, ...RUNTIME, ...QUEUE, 'pg', 'kysely'] },
  { sourceTag: 'env:node', bannedExternalImports: NEST },
  { sourceTag: 'env:browser', bannedExternalImports: [...NEST, ...RUNTIME, ...QUEUE, 'pg', 'kysely', '@grpc/*'] },
];

const processEnv = {
  object: 'process',
  property: 'env',
  message: 'Settings come from apps/*/src/config.ts, which parses the environment once.',
};

export default tseslint.config(
  { ignores: ['**/dist', '**/gen', '**/node_modules', '.nx', '**/index.gen.ts', '.data'] },
  tseslint.configs.recommended,
  {
    files: ['**/*.ts', '**/*.mts'],
    languageOptions: {
      parserOptions: { projectService: false, emitDecoratorMetadata: true, experimentalDecorators: true },
    },
    plugins: { '@nx': nx, 'import-x': importX },
    settings: {
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts', '.mts'] },
      'import-x/resolver-next': [
        createNodeResolver({
          conditionNames: ['@strata/source', 'node', 'import', 'default'],
          extensions: ['.ts', '.js', '.mjs', '.json'],
          extensionAlias: { '.js': ['.ts', '.js'], '.mjs': ['.mts', '.mjs'] },
        }),
      ],
    },
    rules: {
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'max-lines': ['error', { max: 500, skipBlankLines: false, skipComments: false }],
      'no-restricted-properties': ['error', processEnv],
      '@nx/enforce-module-boundaries': [
        'error',
        {
          allowCircularSelfDependency: true,
          banTransitiveDependencies: false,
          depConstraints: [...floors, ...environments],
        },
      ],
    },
  },
  {
    // the places that may read the environment: configuration, the command line's user settings, tests and tools
    // and the one switch of the native runtime that can only be set there
    files: [
      'apps/*/src/config.ts',
      'libs/runtime/src/no-telemetry.ts',
      '**/*.spec.ts',
      '**/testing/**',
      'tools/**',
      'scripts/**',
    ],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // one importer of the native runtime, one of the queue's library
    files: ['libs/**/*.ts', 'apps/**/*.ts'],
    ignores: ['libs/runtime/**', 'libs/queue/**', '**/*.spec.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['onnxruntime-*'], message: 'Only libs/runtime imports the native runtime.' },
            { group: ['bullmq', 'ioredis'], message: 'Only libs/queue imports the queue library.' },
            { group: ['@strata/*/src/*', '@strata/*/dist/*'], message: 'Libraries are imported by their entry.' },
          ],
        },
      ],
    },
  },
);
