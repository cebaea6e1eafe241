import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { lingerAndCut } from './lingering.js';
import { errorOf, PROBLEM_TYPE, problemOf } from './problem.js';

/** Every error of every route leaves as problem details. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly log = new Logger('http');

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const error = errorOf(thrown);
    if (error.httpStatus >= 500)
      this.log.error({ err: thrown, requestId: request.id, code: error.code }, error.message);
    if (reply.sent || reply.raw.headersSent) return;
    if (error.code === 'unauthenticated') void reply.header('www-authenticate', 'Bearer realm="strata"');
    if (!request.raw.complete) {
      // Fastify would close at once, and a client that still sends would see a broken pipe instead of the answer
      void reply.removeHeader('connection');
      lingerAndCut(request);
    }
    void reply
      .status(error.httpStatus)
      .type(PROBLEM_TYPE)
      .send(problemOf(error, String(request.id)));
  }
}
