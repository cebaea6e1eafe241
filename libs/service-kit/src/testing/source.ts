import { fileURLToPath } from 'node:url';

const register = fileURLToPath(new URL('../../../../tools/ts-register.mjs', import.meta.url));

/** Arguments of Node with which a process runs TypeScript sources of this workspace. */
export const SOURCE_ARGV: readonly string[] = ['--conditions', '@strata/source', '--import', register];

/** A program in this folder. */
export const program = (name: string): string => fileURLToPath(new URL(`./${name}.ts`, import.meta.url));

/** What programs of tests need from the environment. */
export const testEnvironment = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '',
});
