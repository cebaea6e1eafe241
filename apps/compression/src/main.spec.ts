import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { SOURCE_ARGV, testEnvironment } from '@strata/service-kit/testing';

const start = (env: Record<string, string>) =>
  spawnSync(process.execPath, [...SOURCE_ARGV, fileURLToPath(new URL('./main.ts', import.meta.url))], {
    env: { ...testEnvironment(), ...env },
    encoding: 'utf8',
  });

describe('the compression worker', () => {
  it('says in one message which settings are missing or wrong, without a stack', () => {
    const { status, stderr } = start({ THREADS: 'many', LOG_LEVEL: 'loud' });
    expect(status).toBe(1);
    expect(stderr).toContain('compression cannot start: invalid_configuration: 3 settings are wrong');
    for (const name of ['SERVICE_TOKEN', 'THREADS', 'LOG_LEVEL']) expect(stderr).toContain(`${name}: `);
    expect(stderr).not.toContain('    at ');
  });

  it('says what a worker without a queue or a store of artifacts lacks', () => {
    const token = { SERVICE_TOKEN: '0123456789abcdef' };
    expect(start(token).stderr).toContain('set REDIS_URL (Redis), or DATABASE_URL (PostgreSQL)');
    expect(start({ ...token, REDIS_URL: 'redis://127.0.0.1:1' }).stderr).toContain('set either ARTIFACTS_DIR');
  });
});
