import 'reflect-metadata';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { StrataError } from '@strata/kernel';
import { ready, runMain, stopOnSignals } from '@strata/service-kit';
import { createGateway } from './app.js';
import { readConfig } from './config.js';
import { codeOf } from './db/error-code.js';
import { ADMIN_KEY_FILE } from './tenants/first-start.js';

await runMain('gateway', async () => {
  const config = readConfig();
  const { app, adminKey, controlPort } = await createGateway(config);
  stopOnSignals(() => app.close(), (config.DRAIN_S + 5) * 1000);
  try {
    await app.listen(config.HTTP_PORT, config.HTTP_HOST);
  } catch (cause) {
    if (codeOf(cause) !== 'EADDRINUSE') throw cause;
    throw new StrataError(
      'port_in_use',
      `port ${config.HTTP_PORT} of ${config.HTTP_HOST} is taken: stop what uses it or set HTTP_PORT to another.`,
      { cause },
    );
  }
  const url = await app.getUrl();
  const keyFile = path.resolve(config.DATA_DIR, ADMIN_KEY_FILE);
  ready('gateway', {
    url,
    docs: `${url}/api/docs`,
    control: `${config.GRPC_HOST}:${controlPort}`,
    ...(adminKey ? { admin_key: adminKey } : {}),
    ...(existsSync(keyFile) ? { admin_key_file: keyFile } : {}),
  });
});
