import { hash, randomBytes } from 'node:crypto';

const PREFIX = 'sk-strata-';
/** 256 random bits in base64url are 43 characters. */
const SECRET = /^sk-strata-[A-Za-z0-9_-]{43}$/;
const SHOWN = PREFIX.length + 6;

export interface NewSecret {
  readonly secret: string;
  /** First characters, kept to recognise the key by. */
  readonly prefix: string;
  readonly hash: Buffer;
}

export function newSecret(): NewSecret {
  const secret = PREFIX + randomBytes(32).toString('base64url');
  return { secret, prefix: secret.slice(0, SHOWN), hash: Buffer.from(hashSecret(secret), 'hex') };
}

export const looksLikeSecret = (text: string): boolean => SECRET.test(text);

/** SHA-256 in hex. A secret of 256 random bits needs no slow hash: it cannot be guessed. */
export const hashSecret = (secret: string): string => hash('sha256', secret, 'hex');
