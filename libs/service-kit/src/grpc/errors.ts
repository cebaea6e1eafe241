import { Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { StrataError, deserializeError, toStrataError, type ErrorCode } from '@strata/kernel';

/** Carries the whole error as JSON beside the gRPC status; "-bin" because messages may hold any Unicode. */
export const ERROR_KEY = 'strata-error-bin';
/** Headers have a limit (8 KiB by default): a longer message is cut, never the call. */
const MAX_MESSAGE = 2_000;

export function toGrpcStatus(e: unknown): Partial<StatusObject> & { code: number; details: string } {
  const error = toStrataError(e);
  const message = error.message.slice(0, MAX_MESSAGE);
  const metadata = new Metadata();
  metadata.set(ERROR_KEY, Buffer.from(JSON.stringify({ ...error.toJSON(), message })));
  return { code: error.grpcStatus, details: message, metadata };
}

/** Statuses that the transport itself gives, when no Strata service answered. */
const BY_STATUS: Readonly<Partial<Record<number, ErrorCode>>> = {
  [status.CANCELLED]: 'job_cancelled',
  [status.INVALID_ARGUMENT]: 'invalid_request',
  [status.DEADLINE_EXCEEDED]: 'deadline_exceeded',
  [status.NOT_FOUND]: 'not_found',
  [status.PERMISSION_DENIED]: 'permission_denied',
  [status.RESOURCE_EXHAUSTED]: 'payload_too_large',
  [status.UNAUTHENTICATED]: 'unauthenticated',
  [status.UNAVAILABLE]: 'unavailable',
};

function isServiceError(e: unknown): e is ServiceError {
  return e instanceof Error && 'code' in e && typeof e.code === 'number' && 'metadata' in e;
}

/** The error that the other side raised, or what the transport says about the lack of an answer. */
export function fromGrpcError(e: unknown, what: string): StrataError {
  if (!isServiceError(e)) return toStrataError(e);
  const packed = e.metadata?.get(ERROR_KEY)[0];
  if (packed !== undefined) {
    try {
      return deserializeError(JSON.parse(String(packed)) as Record<string, unknown>);
    } catch (cause) {
      return new StrataError('internal', `${what} failed with an unreadable error: ${e.details}`, { cause });
    }
  }
  return new StrataError(BY_STATUS[e.code] ?? 'internal', `${what}: ${e.details || e.message}`, { cause: e });
}
