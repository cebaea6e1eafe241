import path from 'node:path';
import { freePort } from './ports.mjs';
import { startPostgres } from './postgres.mjs';
import { startService } from './services.mjs';

/** In the order of starting; they are stopped the other way round. */
export const SERVICES = ['catalog', 'gateway', 'trainer', 'inference', 'compression'];

/**
 * The settings that tie the services of one machine together.
 * @param {import('./index.d.mts').Wiring} w
 * @returns {(name: string) => Record<string, string>}
 */
export function wiring({ dataDir, databaseUrl, redisUrl, ports, serviceToken, host = '127.0.0.1' }) {
  const shared = {
    NODE_ENV: 'production',
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl ?? '',
    ARTIFACTS_DIR: path.join(dataDir, 'artifacts'),
    SERVICE_TOKEN: serviceToken,
    CATALOG_ADDRESS: `127.0.0.1:${ports.catalog}`,
    CONTROL_ADDRESS: `127.0.0.1:${ports.control}`,
    HTTP_PORT: '0',
    LOG_PRETTY: 'false',
    ORT_DISABLE_TELEMETRY: '1',
  };
  const own = {
    gateway: { HTTP_HOST: host, HTTP_PORT: ports.gateway, GRPC_HOST: '127.0.0.1', GRPC_PORT: ports.control },
    catalog: { GRPC_HOST: '127.0.0.1', GRPC_PORT: ports.catalog },
    inference: { GRPC_HOST: '127.0.0.1', GRPC_PORT: ports.inference },
  };
  return (name) => ({
    ...shared,
    DATA_DIR: name === 'gateway' ? dataDir : path.join(dataDir, name),
    ...Object.fromEntries(Object.entries(own[name] ?? {}).map(([k, v]) => [k, String(v)])),
  });
}

/**
 * Database, then services; what was started is stopped in reverse order, whatever failed.
 * @param {import('./index.d.mts').StackOptions} options
 * @returns {Promise<import('./index.d.mts').Stack>}
 */
export async function startStack({
  root,
  dataDir,
  durable,
  env = {},
  serviceEnv = {},
  out = 'inherit',
  ports = {},
  log,
  backend = 'postgres',
  redisUrl,
  databaseUrl,
  serviceToken = 'devstack-service-token-0123456789abcdef',
  services: names = SERVICES,
  entry,
  onLine,
}) {
  const dir = path.resolve(dataDir);
  const running = [];
  const stop = async () => {
    for (const r of running.splice(0).reverse()) await r.stop();
  };
  try {
    const pg = databaseUrl
      ? undefined
      : await startPostgres({ dataDir: path.join(dir, 'postgres'), port: ports.postgres, durable, log });
    if (pg) running.push(pg);
    const used = { ...ports };
    for (const p of ['gateway', 'control', 'catalog', 'inference']) used[p] ??= await freePort();
    const settings = wiring({
      dataDir: dir,
      databaseUrl: databaseUrl ?? pg.url,
      redisUrl: backend === 'redis' ? redisUrl : undefined,
      ports: used,
      serviceToken,
    });
    const start = (name) =>
      startService(name, {
        root,
        out,
        env: { ...settings(name), ...env, ...serviceEnv[name] },
        entry: entry?.(name),
        ...(onLine ? { onLine: (line) => onLine(name, line) } : {}),
      });
    const services = names.map(start);
    running.push(...services);
    const infos = await Promise.all(services.map((s) => s.ready));
    const service = (name) => {
      const found = services.find((s) => s.name === name);
      if (!found) throw new Error(`the stack has no service ${name}: it has ${names.join(', ')}`);
      return found;
    };
    return {
      url: `http://127.0.0.1:${used.gateway}`,
      ports: used,
      dataDir: dir,
      databaseUrl: databaseUrl ?? pg.url,
      serviceToken,
      pg,
      services,
      infos,
      service,
      /** After a kill: the same service again, same settings. */
      async restart(name) {
        const old = service(name);
        await old.stop();
        const next = start(name);
        services[services.indexOf(old)] = next;
        running[running.indexOf(old)] = next;
        await next.ready;
        return next;
      },
      stop,
    };
  } catch (e) {
    await stop();
    throw e;
  }
}
