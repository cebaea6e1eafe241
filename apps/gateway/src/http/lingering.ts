import type { FastifyRequest } from 'fastify';

const LINGER_MS = 2_000;

/**
 * A refused upload is answered at once, while its body is still under way. What comes in for a short while is thrown away, so that the
 * client can read the answer instead of a reset connection; then the connection is cut, so that nobody can keep it busy.
 */
export function lingerAndCut({ raw }: FastifyRequest): void {
  if (raw.complete) return;
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), LINGER_MS).unref();
  raw.once('close', () => clearTimeout(timer));
  raw.once('end', () => clearTimeout(timer));
}
