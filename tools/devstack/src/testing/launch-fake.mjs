// The real launcher with services that do nothing: `node launch-fake.mjs`, settings in the environment.
import path from 'node:path';
import { launch } from '../launcher/launch.mjs';

const root = path.resolve(import.meta.dirname, '../../../..');
const entry = (name) => ({ script: path.join(import.meta.dirname, 'fake-service.mjs'), args: [name] });
process.exitCode = await launch({ root, env: process.env, entry });
process.exit();
