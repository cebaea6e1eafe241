// The catalog over its map multiplied, as a service: apps/catalog in all but where its map comes from.
import { readContent } from '@strata/map';
import { ready, runMain, stopOnSignals } from '@strata/service-kit';
import { BUNDLED_CONTENT } from '../../apps/catalog/dist/app.module.js';
import { readConfig } from '../../apps/catalog/dist/config.js';
import { assemble } from '../../apps/catalog/dist/map/assemble.js';
import { edgeCount } from '../../apps/catalog/dist/map/map.js';
import { serveMap } from '../../apps/catalog/dist/start.js';
import { multiplied } from './multiply.mjs';

await runMain('catalog', async () => {
  const config = readConfig();
  const { entries } = await readContent(BUNDLED_CONTENT);
  const written = entries.map((p) => p.entry);
  const copies = multiplied(written, Number(process.env.BENCH_ENTRIES));

  const started = performance.now();
  const map = assemble(copies, []);
  const assembled = performance.now();
  const running = await serveMap(config, map, []);
  const build = { assemble_s: (assembled - started) / 1000, build_s: (performance.now() - started) / 1000 };

  stopOnSignals(() => running.close());
  process.on('message', (m) => {
    if (m.type !== 'memory') return;
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
    process.send({ type: 'memory', rss, heapUsed, arrayBuffers, peak: process.resourceUsage().maxRSS * 1024 });
  });
  ready('catalog', { grpc: `127.0.0.1:${running.grpcPort}`, edges: edgeCount(map), ...build });
});
