// Stands where a service would for the launcher's tests: takes its port, says that it is ready, ends with its supervisor.
import http from 'node:http';
import fs from 'node:fs';
import path from 'node:path';

const { DATA_DIR, GRPC_PORT, HTTP_PORT, FAKE_CRASH } = process.env;
const name = process.argv[2];
const servers = [];
for (const port of [GRPC_PORT, HTTP_PORT].filter((p) => p && p !== '0')) {
  const s = http.createServer((_, res) => res.end(String(process.pid)));
  await new Promise((resolve, reject) => s.once('error', reject).listen(Number(port), '127.0.0.1', resolve));
  servers.push(s);
}
fs.mkdirSync(DATA_DIR, { recursive: true });
if (name === 'gateway' && !fs.existsSync(path.join(DATA_DIR, 'admin-key')))
  fs.writeFileSync(path.join(DATA_DIR, 'admin-key'), 'sk-strata-fake\n');
const end = () => process.exit(0);
process.once('SIGTERM', end);
process.once('disconnect', end);
setInterval(() => {}, 1000);
console.log(JSON.stringify({ level: 'info', time: Date.now(), msg: `${name} says hello`, service: name }));
process.send({ type: 'ready', service: name });
if (FAKE_CRASH === name) setTimeout(() => process.exit(9), 50);
