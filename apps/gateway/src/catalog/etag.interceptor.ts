import { createHash } from 'node:crypto';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';

/** Answers of GET carry an `ETag` of what they say; who shows it again in `If-None-Match` gets 304 and no body (RFC 9110, sections 8.8.3 and 13.1.2). */
@Injectable()
export class EtagInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (request.method !== 'GET') return next.handle();
    return next.handle().pipe(
      map((answer: unknown) => {
        if (answer === undefined || reply.sent) return answer;
        const etag = `"${createHash('sha256').update(JSON.stringify(answer)).digest('base64url').slice(0, 27)}"`;
        // what is shown depends on the tenant of the key, and is checked again each time
        void reply.headers({ etag, 'cache-control': 'private, no-cache', vary: 'authorization' });
        const known = request.headers['if-none-match']?.split(/ *, */).map((t) => t.replace(/^W\//, ''));
        if (!known?.includes(etag)) return answer;
        void reply.status(304);
        return undefined;
      }),
    );
  }
}
