// `npm run docs`: writes what is made from code. Needs built apps.
import fs from 'node:fs';
import path from 'node:path';
import * as prettier from 'prettier';
import { PORTS } from '../devstack/src/launcher/preflight.mjs';
import { renderConfiguration, SERVICES_WITH_SETTINGS } from './configuration.mjs';

const root = path.resolve(import.meta.dirname, '../..');
const schemaOf = async (app) => (await import(path.join(root, 'apps', app, 'dist/config.js'))).ConfigSchema;
const schemas = {};
for (const app of SERVICES_WITH_SETTINGS) schemas[app] = await schemaOf(app);
const file = path.join(root, 'docs/configuration.md');
const options = await prettier.resolveConfig(file);
const text = await prettier.format(renderConfiguration(schemas, await schemaOf('cli'), PORTS), {
  ...options,
  filepath: file,
});
fs.writeFileSync(file, text);
console.log('docs/configuration.md');
