import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StrataError } from '@strata/kernel';
import type { Registry } from 'prom-client';

/** Whether each thing that the service needs is there; the detail is for people. */
export type Checks = Readonly<Record<string, { readonly ok: boolean; readonly detail?: string }>>;

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

function send(res: ServerResponse, statusCode: number, body: unknown): void {
  res.writeHead(statusCode, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

/**
 * `/health/live` (the process turns), `/health/ready` (503 while a check fails) and `/metrics` for services that have no HTTP of their own.
 * @throws StrataError `port_in_use`
 */
export async function startHealthServer(options: {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  readonly checks: () => Checks | Promise<Checks>;
}): Promise<HealthServer> {
  const server = createServer((req, res) => {
    const path = (req.url ?? '').split('?')[0];
    const answer = async (): Promise<void> => {
      if (req.method !== 'GET') return send(res, 405, { error: 'only GET' });
      if (path === '/health/live') return send(res, 200, { status: 'live' });
      if (path === '/health/ready') {
        const checks = await options.checks();
        const ok = Object.values(checks).every((c) => c.ok);
        return send(res, ok ? 200 : 503, { status: ok ? 'ready' : 'not ready', checks });
      }
      if (path === '/metrics') {
        const text = await options.registry.metrics();
        res.writeHead(200, { 'content-type': options.registry.contentType }).end(text);
        return;
      }
      return send(res, 404, { error: 'there are /health/live, /health/ready and /metrics' });
    };
    answer().catch((e: unknown) => send(res, 500, { error: e instanceof Error ? e.message : String(e) }));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (e: NodeJS.ErrnoException) =>
      reject(
        e.code === 'EADDRINUSE'
          ? new StrataError(
              'port_in_use',
              `port ${options.port} of ${options.host} is taken: stop what uses it or set HTTP_PORT to another.`,
              { cause: e },
            )
          : e,
      ),
    );
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
