import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { startService } from './index.mjs';

const root = path.resolve(import.meta.dirname, '../../..');
const dir = mkdtempSync(path.join(tmpdir(), 'strata-services-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a service', () => {
  it.each(['catalog', 'gateway'])('gets the flags of Node that its image has: %s', async (name) => {
    const entry = path.join(dir, 'told.mjs');
    writeFileSync(entry, `process.send({ type: 'ready', flags: process.execArgv });`);
    const service = startService(name, { root, entry, env: {}, out: 'ignore' });
    const { flags } = await service.ready;
    await service.stop();
    const image = readFileSync(path.join(root, 'Dockerfile'), 'utf8');
    const command = image.split('\n').find((l) => l.startsWith('CMD') && l.includes(`apps/${name}/`)) ?? '';
    const [node, ...words] = JSON.parse(command.replace(/^CMD /, '')) as string[];
    const main = words.pop();
    expect({ node, main, flags: words }).toEqual({ node: 'node', main: `apps/${name}/dist/main.js`, flags });
  });
});
