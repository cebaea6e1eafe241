// Everything that can be known to be wrong before the first process starts.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { LauncherError } from '../errors.mjs';

const NEED_MB = 200;

/** Ports, in the order in which they are checked: setting and default. */
export const PORTS = {
  gateway: { setting: 'STRATA_PORT', port: 4600 },
  control: { setting: 'STRATA_CONTROL_PORT', port: 4601 },
  catalog: { setting: 'STRATA_CATALOG_PORT', port: 4602 },
  inference: { setting: 'STRATA_INFERENCE_PORT', port: 4603 },
  postgres: { setting: 'STRATA_POSTGRES_PORT', port: 4604 },
};

/** @throws LauncherError `invalid_configuration` */
export function portsOf(env, t) {
  return Object.fromEntries(
    Object.entries(PORTS).map(([name, { setting, port }]) => {
      const value = env[setting] || String(port);
      if (!/^\d+$/.test(value) || Number(value) < 1 || Number(value) > 65_535)
        throw new LauncherError('invalid_configuration', t('not_a_port', { setting, value }));
      return [name, Number(value)];
    }),
  );
}

/** Makes the folder and writes into it. @throws LauncherError `not_writable`, `disk_full` */
export function checkDataDir(dir, t) {
  const full = (free) => new LauncherError('disk_full', t('disk_full', { dir, free, need: NEED_MB }));
  try {
    fs.mkdirSync(dir, { recursive: true });
    const probe = path.join(dir, `.probe-${process.pid}`);
    fs.writeFileSync(probe, randomBytes(65_536));
    fs.rmSync(probe);
  } catch (e) {
    if (e.code === 'ENOSPC' || e.code === 'EDQUOT') throw full(0);
    throw new LauncherError('not_writable', t('data_folder', { dir, why: e.code ?? e.message }), { cause: e });
  }
  const { bavail, bsize } = fs.statfsSync(dir);
  const free = Math.floor((bavail * bsize) / 2 ** 20);
  if (free < NEED_MB) throw full(free);
}

const canListen = (port, host) =>
  new Promise((resolve) => {
    const s = net.createServer();
    s.once('error', () => resolve(false));
    s.listen(port, host, () => s.close(() => resolve(true)));
  });

/** @throws LauncherError `port_in_use`, naming the port, what it is for and the setting that changes it */
export async function checkPorts(ports, { host, t, skip = [] }) {
  for (const [name, port] of Object.entries(ports)) {
    if (skip.includes(name)) continue;
    if (await canListen(port, name === 'gateway' ? host : '127.0.0.1')) continue;
    const { setting } = PORTS[name];
    throw new LauncherError('port_in_use', t('port_taken', { port, setting, what: t(`what_${name}`) }));
  }
}

/** A secret that is made at the first start and read ever after; only the owner can read it. */
export function keptSecret(dataDir, name) {
  const file = path.join(dataDir, name);
  try {
    const secret = fs.readFileSync(file, 'utf8').trim();
    if (secret) return secret;
  } catch (e) {
    if (e.code !== 'ENOENT') throw e;
  }
  const secret = randomBytes(24).toString('hex');
  fs.writeFileSync(`${file}.new`, `${secret}\n`, { mode: 0o600 });
  fs.renameSync(`${file}.new`, file);
  return secret;
}
