import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Logger } from 'nestjs-pino';
import { Registry } from 'prom-client';
import { AppModule } from './app.module.js';
import type { Config } from './config.js';
import { ControlServer } from './control/control.server.js';
import { Database } from './db/database.js';
import { migrate } from './db/migrate.js';
import { waitForDatabase } from './db/wait.js';
import { refuseUnparsed } from './http/client-error.js';
import { errorOf, PROBLEM_TYPE, problemOf } from './http/problem.js';
import { mountBoard } from './ops/board.js';
import { measureHttp } from './ops/http-metrics.js';
import { describeApi } from './ops/openapi.js';
import { firstStart } from './tenants/first-start.js';

const REQUEST_ID = /^[A-Za-z0-9._-]{1,100}$/;

const ids = `req_${randomBytes(10).toString('hex')}`;
let count = 0;
/** Unique without asking for random bytes in each request. */
const newRequestId = (): string => ids + (count++).toString(16).padStart(12, '0');

/** The caller's id when it is plain; otherwise a new one, put into the headers so that log lines and error answers agree on it. */
function requestId(raw: IncomingMessage): string {
  const given = raw.headers['x-request-id'];
  if (typeof given === 'string' && REQUEST_ID.test(given)) return given;
  const id = newRequestId();
  raw.headers['x-request-id'] = id;
  return id;
}

export interface Gateway {
  readonly app: NestFastifyApplication;
  /** Secret of the admin key, if this start made the first one. */
  readonly adminKey: string | undefined;
  /** Port of the control service, which listens already. */
  readonly controlPort: number;
}

/**
 * Everything but listening on HTTP: the database is up to date, the features are started.
 * @throws StrataError `unavailable`, `not_writable`, `invalid_configuration`, …: each names its mend
 */
export async function createGateway(config: Config): Promise<Gateway> {
  const adapter = new FastifyAdapter({
    genReqId: requestId,
    bodyLimit: config.BODY_LIMIT_BYTES,
    // behind a load balancer the caller's address comes in a header
    trustProxy: true,
    // an idle connection that a client keeps open must not hold up the end
    forceCloseConnections: 'idle',
    clientErrorHandler: refuseUnparsed(newRequestId),
    // what the router refuses never reaches Nest
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      const problem = problemOf(errorOf(error), request.id);
      void reply.header('x-request-id', request.id).status(problem.status).type(PROBLEM_TYPE).send(problem);
    },
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(config), adapter, {
    bufferLogs: true,
    abortOnError: false,
  });
  app.useLogger(app.get(Logger));
  const fastify = adapter.getInstance();
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  const db = app.get(Database);
  try {
    await waitForDatabase(db, config.DATABASE_URL, config.DATABASE_WAIT_S);
    await migrate(db);
    const adminKey = await firstStart(db, config.DATA_DIR);
    measureHttp(fastify, app.get(Registry));
    await mountBoard(app);
    describeApi(app);
    await app.init();
    await fastify.ready();
    const controlPort = await app.get(ControlServer).listen();
    return { app, adminKey, controlPort };
  } catch (e) {
    await app.close();
    throw e;
  }
}
