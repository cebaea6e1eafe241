import {
  applyDecorators,
  createParamDecorator,
  type CustomDecorator,
  type ExecutionContext,
  SetMetadata,
} from '@nestjs/common';
import type { Scope } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import type { FastifyRequest } from 'fastify';

/** Who makes the request. */
export interface Principal {
  readonly tenantId: string;
  readonly keyId: string;
  readonly scopes: readonly Scope[];
  /** Belongs to the first tenant, whose administrators look after the installation. */
  readonly operator: boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    principal?: Principal;
  }
}

export const PUBLIC = Symbol('route needs no key');
export const SCOPE = Symbol('scope that a route needs');
export const OPERATOR = Symbol('route is for administrators of the installation');

/** The route (or controller) is open to everybody. */
export const Public = (): CustomDecorator<symbol> => SetMetadata(PUBLIC, true);

/** The key must have this scope. Without it: `read` for GET and HEAD, `write` for everything else. `admin` includes both. */
export const RequireScope = (scope: Scope): CustomDecorator<symbol> => SetMetadata(SCOPE, scope);

/** Only for admin keys of the first tenant: what touches all tenants (tenants themselves, workers, the queue board). */
export const RequireOperator = (): MethodDecorator & ClassDecorator =>
  applyDecorators(SetMetadata(SCOPE, 'admin' satisfies Scope), SetMetadata(OPERATOR, true));

function principalOf(context: ExecutionContext): Principal {
  const { principal } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!principal) throw new StrataError('unauthenticated', 'this route needs an API key');
  return principal;
}

export const CurrentPrincipal = createParamDecorator((_: unknown, context: ExecutionContext) => principalOf(context));

/** Id of the tenant that the key belongs to: every query is bound to it. */
export const CurrentTenant = createParamDecorator(
  (_: unknown, context: ExecutionContext) => principalOf(context).tenantId,
);

/** The request's id, as sent back in `x-request-id`. */
export const RequestId = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<FastifyRequest>().id,
);
