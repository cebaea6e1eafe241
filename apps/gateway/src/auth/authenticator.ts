import { Injectable } from '@nestjs/common';
import type { Scope } from '@strata/contracts';
import { StrataError } from '@strata/kernel';
import { type CachedKey, KeyCache } from './key-cache.js';

const SCHEMES = /^(Bearer|Basic) +(\S+)$/i;

/** The secret in an `Authorization` header: `Bearer SECRET`, or (for browsers) `Basic` with the secret as the password. */
export function secretOf(header: string | undefined): string | undefined {
  const [, scheme, value] = SCHEMES.exec(header ?? '') ?? [];
  if (!scheme || !value) return undefined;
  if (scheme.toLowerCase() === 'bearer') return value;
  const pair = Buffer.from(value, 'base64').toString();
  return pair.slice(pair.indexOf(':') + 1);
}

export function hasScope(scopes: readonly Scope[], needed: Scope): boolean {
  return scopes.includes(needed) || scopes.includes('admin');
}

@Injectable()
export class Authenticator {
  constructor(private readonly keys: KeyCache) {}

  /**
   * The key behind an `Authorization` header, with one token taken from its bucket.
   * @throws StrataError `unauthenticated`, `permission_denied`, or `rate_limited` (`retryAfterS` is in its cause)
   */
  async authenticate(header: string | undefined, needed: Scope): Promise<CachedKey> {
    const secret = secretOf(header);
    if (!secret)
      throw new StrataError(
        'unauthenticated',
        'send an API key: "Authorization: Bearer sk-strata-…"; `strata login` keeps one for you',
      );
    const found = this.keys.find(secret);
    const key = found instanceof Promise ? await found : found;
    if (!key) throw new StrataError('unauthenticated', 'no key has this secret: check that it was copied whole');
    const now = Date.now();
    if (key.revokedAt !== undefined && key.revokedAt <= now)
      throw new StrataError('unauthenticated', `key ${key.keyId} was revoked: use another one`);
    if (key.expiresAt !== undefined && key.expiresAt <= now)
      throw new StrataError('unauthenticated', `key ${key.keyId} has expired: use another one`);
    if (!hasScope(key.scopes, needed))
      throw new StrataError(
        'permission_denied',
        `key ${key.keyId} has the scopes ${key.scopes.join(', ')}; this needs "${needed}"`,
      );
    const waitMs = key.bucket?.take(performance.now()) ?? 0;
    if (waitMs > 0) throw new RateLimited(waitMs);
    return key;
  }
}

/** `rate_limited` with the time after which a request will be let through. */
export class RateLimited extends StrataError {
  readonly retryAfterS: number;

  constructor(waitMs: number) {
    const seconds = Math.max(1, Math.ceil(waitMs / 1000));
    super('rate_limited', `this key makes too many requests: try again in ${seconds} s`);
    this.retryAfterS = seconds;
  }
}
