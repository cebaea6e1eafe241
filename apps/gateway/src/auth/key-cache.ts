import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { QueuePort, Unsubscribe } from '@strata/queue';
import type { Scope } from '@strata/contracts';
import { LRUCache } from 'lru-cache';
import { CONFIG, type Config } from '../config.js';
import { Database } from '../db/database.js';
import { QUEUE } from '../platform/platform.module.js';
import type { Principal } from './principal.js';
import { hashSecret, looksLikeSecret } from './secret.js';
import { type TokenBucket, tokenBucket } from './token-bucket.js';

const CHANNEL = 'strata.keys';
const KEYS = 10_000;
/** Upper limit for the time that a revoked key lives on when the message about it was lost. */
const TTL_MS = 15_000;
const UNKNOWN_TTL_MS = 2_000;

export interface CachedKey extends Principal {
  /** Milliseconds since 1970; undefined: never. */
  readonly expiresAt: number | undefined;
  readonly revokedAt: number | undefined;
  readonly bucket: TokenBucket | undefined;
}

/** Keys by the hash of their secret, read from the database at most once in a while; any gateway that changes a key tells all others. */
@Injectable()
export class KeyCache implements OnModuleInit, OnModuleDestroy {
  private readonly byHash = new LRUCache<string, { key: CachedKey | null }>({ max: KEYS, ttl: TTL_MS });
  /** Buckets outlive the cached key, or each reload would fill them. */
  private readonly buckets = new LRUCache<string, TokenBucket>({ max: KEYS });
  private readonly loading = new Map<string, Promise<CachedKey | null>>();
  private readonly used = new Set<string>();
  private unsubscribe: Unsubscribe | undefined;
  private readonly log = new Logger(KeyCache.name);

  constructor(
    private readonly db: Database,
    @Inject(QUEUE) private readonly queue: QueuePort,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async onModuleInit(): Promise<void> {
    const forgetAll = (): void => this.byHash.clear();
    this.unsubscribe = await this.queue.subscribe(CHANNEL, (hash) => this.byHash.delete(hash), forgetAll);
  }

  async onModuleDestroy(): Promise<void> {
    await this.unsubscribe?.();
    await this.flushUsed();
  }

  /** Undefined when no key has this secret. A key that was found may still have expired or been revoked. */
  find(secret: string): CachedKey | null | Promise<CachedKey | null> {
    if (!looksLikeSecret(secret)) return null;
    const hash = hashSecret(secret);
    const known = this.byHash.get(hash);
    if (known) {
      if (known.key) this.used.add(known.key.keyId);
      return known.key;
    }
    let load = this.loading.get(hash);
    if (!load) {
      load = this.load(hash).finally(() => this.loading.delete(hash));
      this.loading.set(hash, load);
    }
    return load;
  }

  /** To be called after the change is committed. */
  async changed(hash: Buffer): Promise<void> {
    const hex = hash.toString('hex');
    this.byHash.delete(hex);
    try {
      await this.queue.publish(CHANNEL, hex);
    } catch (e) {
      this.log.warn({ err: e }, `other gateways learn of a changed key within ${TTL_MS / 1000} s only`);
    }
  }

  /** Writes when keys were last used; called now and then, not in each request. */
  async flushUsed(): Promise<void> {
    if (!this.used.size) return;
    const ids = [...this.used];
    this.used.clear();
    await this.db.kysely.updateTable('api_key').set({ last_used_at: new Date() }).where('id', 'in', ids).execute();
  }

  private async load(hash: string): Promise<CachedKey | null> {
    const row = await this.db.kysely
      .selectFrom('api_key')
      .innerJoin('tenant', 'tenant.id', 'api_key.tenant_id')
      .select(['api_key.id', 'tenant_id', 'scopes', 'expires_at', 'revoked_at', 'operator'])
      .where('hash', '=', Buffer.from(hash, 'hex'))
      .executeTakeFirst();
    const key = row
      ? {
          keyId: row.id,
          tenantId: row.tenant_id,
          scopes: row.scopes satisfies Scope[],
          operator: row.operator,
          expiresAt: row.expires_at?.getTime(),
          revokedAt: row.revoked_at?.getTime(),
          bucket: this.bucketOf(row.id),
        }
      : null;
    this.byHash.set(hash, { key }, key ? {} : { ttl: UNKNOWN_TTL_MS });
    if (key) this.used.add(key.keyId);
    return key;
  }

  private bucketOf(keyId: string): TokenBucket | undefined {
    if (!this.config.RATE_LIMIT_PER_S) return undefined;
    let bucket = this.buckets.get(keyId);
    if (!bucket) {
      bucket = tokenBucket(this.config.RATE_LIMIT_PER_S, this.config.RATE_LIMIT_BURST);
      this.buckets.set(keyId, bucket);
    }
    return bucket;
  }
}
