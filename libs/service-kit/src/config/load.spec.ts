import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { artifactConfigOf, queueConfigOf, tlsOf } from './derive.js';
import { loadConfig } from './load.js';
import { serviceSettings, workerSettings } from './shapes.js';

const Schema = z.object({
  ...serviceSettings,
  PORT: z.coerce.number().int().max(65_535).default(4600).describe('the port'),
  PRETTY: z.stringbool().default(false).describe('pretty'),
});
const good = { SERVICE_TOKEN: '0123456789abcdef' };

describe('loadConfig', () => {
  it('fills defaults, converts, takes an empty variable for an absent one and reads nothing else', () => {
    const c = loadConfig(Schema, { ...good, PORT: '', PRETTY: 'true', HOME: '/root' });
    expect(c).toEqual({ ...good, PORT: 4600, PRETTY: true, TLS_CA: '', TLS_CERT: '', TLS_KEY: '', TLS_MUTUAL: false });
  });

  it('lists every wrong setting in one error', () => {
    let message = '';
    try {
      loadConfig(Schema, { PORT: '70000', PRETTY: 'perhaps', tls_ca: 'x.pem' });
    } catch (e) {
      expect(e).toMatchObject({ code: 'invalid_configuration' });
      message = (e as Error).message;
    }
    expect(message).toContain('SERVICE_TOKEN: is missing (secret that services show each other');
    expect(message).toContain('PORT: Too big');
    expect(message).toContain('PRETTY: ');
    expect(message).toContain('tls_ca: there is no such setting; write TLS_CA');
    expect(message).toContain('4 settings are wrong');
  });

  it('describes every shared setting', () => {
    for (const [name, type] of Object.entries(workerSettings))
      expect({ name, described: (type.description ?? '').length > 10 }).toEqual({ name, described: true });
  });
});

describe('what follows from settings', () => {
  const worker = (env: Record<string, string>) => loadConfig(z.object(workerSettings), { ...good, ...env });

  it('puts the queue into Redis when there is one, else into PostgreSQL, else refuses', () => {
    expect(queueConfigOf(worker({ REDIS_URL: 'redis://r', DATABASE_URL: 'postgres://p' }))).toEqual({
      backend: 'redis',
      url: 'redis://r',
    });
    expect(queueConfigOf(worker({ DATABASE_URL: 'postgres://p' }))).toMatchObject({ backend: 'postgres' });
    expect(() => queueConfigOf(worker({}))).toThrow(/REDIS_URL/);
  });

  it('wants exactly one home of artifacts', () => {
    expect(artifactConfigOf(worker({ ARTIFACTS_DIR: '/a' }))).toEqual({ kind: 'folder', dir: '/a' });
    expect(artifactConfigOf(worker({ S3_BUCKET: 'b' }))).toMatchObject({
      kind: 's3',
      bucket: 'b',
      region: 'us-east-1',
    });
    expect(() => artifactConfigOf(worker({}))).toThrow(/no home/);
    expect(() => artifactConfigOf(worker({ ARTIFACTS_DIR: '/a', S3_BUCKET: 'b' }))).toThrow(/two homes/);
  });

  it('wants certificate and key together, and all three files for mutual TLS', () => {
    expect(tlsOf(worker({}))).toBeUndefined();
    expect(tlsOf(worker({ TLS_CA: 'ca' }))).toEqual({ ca: 'ca', mutual: false });
    expect(() => tlsOf(worker({ TLS_CERT: 'c' }))).toThrow(/belong together/);
    expect(() => tlsOf(worker({ TLS_CERT: 'c', TLS_KEY: 'k', TLS_MUTUAL: 'true' }))).toThrow(/TLS_MUTUAL/);
  });
});
