import { hash, timingSafeEqual } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { newId } from '@strata/kernel';

export const REQUEST_ID = 'x-request-id';
const REQUEST_ID_SHAPE = /^[A-Za-z0-9._-]{1,100}$/;

const digest = (text: string): Buffer => hash('sha256', text, 'buffer');

/** Compares digests, so that neither length nor content of the token shows in the time taken. */
export function tokenChecker(token: string): (metadata: Metadata) => boolean {
  const wanted = digest(`Bearer ${token}`);
  return (metadata) => timingSafeEqual(digest(String(metadata.get('authorization')[0] ?? '')), wanted);
}

/** Headers of a call between services: who calls, and for which request. */
export function grpcMetadata(token: string, requestId?: string): Metadata {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  if (requestId) metadata.set(REQUEST_ID, requestId);
  return metadata;
}

/** The caller's request id; a new one when it gave none or one that would not be safe in a log. */
export function requestIdOf(metadata: Metadata): string {
  const given = metadata.get(REQUEST_ID)[0];
  return typeof given === 'string' && REQUEST_ID_SHAPE.test(given) ? given : newId('request');
}
