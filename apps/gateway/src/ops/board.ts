import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { QUEUES } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { QueuePort } from '@strata/queue';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Authenticator } from '../auth/authenticator.js';
import { errorOf, PROBLEM_TYPE, problemOf } from '../http/problem.js';
import { queueNameOf } from '../outbox/item.js';
import { QUEUE } from '../platform/platform.module.js';

const PATH = '/admin/queues';
const SAFE = new Set(['GET', 'HEAD']);

/** A browser sends the key by itself once it was typed in: a form of another site must not profit from that. */
function refuseForeignSites(request: FastifyRequest): void {
  const site = request.headers['sec-fetch-site'];
  if (!SAFE.has(request.method) && site !== undefined && site !== 'same-origin')
    throw new StrataError('permission_denied', 'this may only be asked for by the queue board itself');
}

/**
 * Bull Board at /admin/queues, for admin keys of the first tenant: a browser asks for a user name (any) and a password (the key); programs
 * send `Authorization: Bearer` as everywhere.
 */
export async function mountBoard(app: NestFastifyApplication): Promise<void> {
  const queue = app.get<QueuePort>(QUEUE);
  const authenticator = app.get(Authenticator);
  const adapter = new FastifyAdapter();
  adapter.setBasePath(PATH);
  createBullBoard({
    queues: QUEUES.map((name) => new BullMQAdapter(queue.bull(queueNameOf(name)))),
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'Strata queues' } },
  });
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  await fastify.register(async (scope) => {
    scope.addHook('onRequest', async (request, reply) => {
      try {
        const principal = await authenticator.authenticate(request.headers.authorization, 'admin');
        if (!principal.operator)
          throw new StrataError('permission_denied', 'only administrators of the first tenant may see the queues');
        refuseForeignSites(request);
      } catch (e) {
        const problem = problemOf(errorOf(e), request.id);
        if (problem.status === 401)
          void reply.header('www-authenticate', 'Basic realm="Strata: any name, and an admin key as password"');
        return reply.status(problem.status).type(PROBLEM_TYPE).send(problem);
      }
    });
    await scope.register(adapter.registerPlugin(), { prefix: PATH });
  });
}
