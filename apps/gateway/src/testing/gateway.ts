import 'reflect-metadata';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Postgres, startPostgres } from '@strata/devstack';
import { loadConfig } from '@strata/service-kit';
import pg from 'pg';
import { createGateway } from '../app.js';
import { type Config, ConfigSchema } from '../config.js';
// specs are checked against built declarations, which do not carry what each feature adds to the tables
import type {} from '../datasets/dataset.table.js';
import type {} from '../files/file.table.js';
import type {} from '../jobs/job.table.js';
import type {} from '../models/model.table.js';
import type {} from '../workers/worker.table.js';

export const SERVICE_TOKEN = 'test-service-token-0123456789';

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Readonly<Record<string, string | number | string[] | undefined>>;
  readonly text: string;
}

export interface TestGateway {
  readonly app: NestFastifyApplication;
  readonly config: Config;
  readonly adminKey: string;
  /** host:port of the control service. */
  readonly control: string;
  /** One request with the admin key, or with `key`; `null` sends none. */
  call<T = Record<string, unknown>>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    options?: { key?: string | null; body?: unknown; headers?: Record<string, string>; payload?: string },
  ): Promise<Answer<T>>;
  /** A key of a new tenant. */
  tenantKey(name: string, scopes?: string[]): Promise<string>;
  stop(): Promise<void>;
}

export interface TestDatabase {
  readonly postgres: Postgres;
  /** A new, empty database. */
  create(): Promise<string>;
  stop(): Promise<void>;
}

/** A PostgreSQL for one spec file. */
export async function startDatabase(): Promise<TestDatabase> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'strata-gateway-pg-'));
  const postgres = await startPostgres({ dataDir: path.join(dir, 'pg'), durable: false });
  let count = 0;
  return {
    postgres,
    async create() {
      const name = `test_${++count}`;
      const client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
      await client.query(`create database ${name}`);
      await client.end();
      const url = new URL(postgres.url);
      url.pathname = `/${name}`;
      return url.href;
    },
    async stop() {
      await postgres.stop();
      await rm(postgres.dataDir, { recursive: true, force: true });
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A gateway in this process, on its own database, not listening on HTTP. A second one on the same `databaseUrl` needs the first one's `adminKey`. */
export async function startTestGateway(
  databaseUrl: string,
  settings: Partial<Record<keyof Config, string>> = {},
  adminKey?: string,
): Promise<TestGateway> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'strata-gateway-'));
  const config = loadConfig(ConfigSchema, {
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    ARTIFACTS_DIR: path.join(dataDir, 'artifacts'),
    SERVICE_TOKEN,
    HTTP_PORT: '0',
    GRPC_PORT: '0',
    CATALOG_ADDRESS: '127.0.0.1:1',
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    DRAIN_S: '1',
    ...settings,
  });
  const { app, adminKey: made, controlPort } = await createGateway(config);
  const key = adminKey ?? made;
  if (!key) throw new Error('this database has an admin key already: pass it');
  const call: TestGateway['call'] = async <T>(
    method: Parameters<TestGateway['call']>[0],
    url: string,
    options: Parameters<TestGateway['call']>[2] = {},
  ) => {
    const secret = options.key === undefined ? key : options.key;
    const response = await app.inject({
      method,
      url,
      headers: {
        ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
        ...(options.payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.payload === undefined ? {} : { payload: options.payload }),
      ...(options.body === undefined ? {} : { payload: options.body as Record<string, unknown> }),
    });
    const isJson = /json/.test(String(response.headers['content-type']));
    return {
      status: response.statusCode,
      body: (isJson ? response.json() : {}) as T,
      headers: response.headers,
      text: response.body,
    };
  };
  return {
    app,
    config,
    adminKey: key,
    control: `127.0.0.1:${controlPort}`,
    call,
    async tenantKey(name, scopes = ['read', 'write', 'admin']) {
      const tenant = await call<{ id: string }>('POST', '/api/tenants', { body: { name } });
      const made = await call<{ secret: string }>('POST', `/api/tenants/${tenant.body.id}/keys`, {
        body: { name: 'first', scopes },
      });
      return made.body.secret;
    },
    async stop() {
      await app.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
