import type { ErrorCode } from '@strata/kernel';

/** What the process ends with; docs/cli.md lists them, and scripts may rely on them. */
export const EXIT = {
  ok: 0,
  /** A job that was waited for did not succeed. */
  jobFailed: 1,
  usage: 2,
  /** Nobody answers at the address, or a service behind it is away. */
  unreachable: 3,
  /** The key is missing, unknown, expired, or lacks the scope. */
  auth: 4,
  notFound: 5,
  /** The request was understood and refused: parameters, data, state, limits. */
  refused: 6,
  /** A failure inside Strata. */
  internal: 7,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_CODE: Partial<Record<ErrorCode, ExitCode>> = {
  unauthenticated: EXIT.auth,
  permission_denied: EXIT.auth,
  not_found: EXIT.notFound,
  unknown_recipe: EXIT.notFound,
  unavailable: EXIT.unreachable,
  deadline_exceeded: EXIT.unreachable,
  internal: EXIT.internal,
};

/** Exit code for an error of the API. */
export function exitCodeOf(code: string, status: number): ExitCode {
  const known = BY_CODE[code as ErrorCode];
  if (known !== undefined) return known;
  return status >= 500 ? EXIT.internal : EXIT.refused;
}
