import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Scope } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Authenticator, RateLimited } from './authenticator.js';
import { OPERATOR, PUBLIC, SCOPE } from './principal.js';

interface Rule {
  readonly open: boolean;
  readonly scope: Scope | undefined;
  readonly operator: boolean;
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Every route needs a key unless it says `@Public()`. */
@Injectable()
export class AuthGuard implements CanActivate {
  private readonly rules = new Map<unknown, Rule>();

  constructor(
    private readonly authenticator: Authenticator,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const rule = this.ruleOf(context);
    if (rule.open) return true;
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const scope = rule.scope ?? (SAFE.has(request.method) ? 'read' : 'write');
    try {
      request.principal = await this.authenticator.authenticate(request.headers.authorization, scope);
    } catch (e) {
      if (e instanceof RateLimited) void http.getResponse<FastifyReply>().header('retry-after', e.retryAfterS);
      throw e;
    }
    if (rule.operator && !request.principal.operator)
      throw new StrataError('permission_denied', 'only administrators of the first tenant may do this');
    return true;
  }

  private ruleOf(context: ExecutionContext): Rule {
    const handler = context.getHandler();
    let rule = this.rules.get(handler);
    if (!rule) {
      const targets = [handler, context.getClass()];
      rule = {
        open: this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC, targets) ?? false,
        scope: this.reflector.getAllAndOverride<Scope | undefined>(SCOPE, targets),
        operator: this.reflector.getAllAndOverride<boolean | undefined>(OPERATOR, targets) ?? false,
      };
      this.rules.set(handler, rule);
    }
    return rule;
  }
}
