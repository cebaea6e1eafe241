// gRPC without Strata: a server that answers GetNode with the same bytes whatever is asked. What the transport and the clients cost by themselves.
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { catalog } from '@strata/contracts/grpc';

const bytes = Buffer.from(process.env.BENCH_ANSWER ?? '', 'base64');
const { getNode } = catalog.CatalogServiceService;
const server = new Server({ 'grpc.enable_channelz': 0 });
server.addService(
  { getNode: { ...getNode, responseSerialize: () => bytes } },
  { getNode: (_call, reply) => reply(null, bytes) },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (e, port) => {
  if (e) throw e;
  process.send({ type: 'ready', grpc: `127.0.0.1:${port}` });
});
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
