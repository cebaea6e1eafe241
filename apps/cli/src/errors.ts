import type { Problem } from '@strata/contracts';
import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.js';
import type { MessageKey } from './messages.js';

/** The gateway refused: its problem details. */
export class ApiError extends Error {
  constructor(
    readonly problem: Problem,
    readonly url: string,
  ) {
    super(problem.detail);
    this.name = 'ApiError';
  }

  get exitCode(): ExitCode {
    return exitCodeOf(this.problem.code, this.problem.status);
  }
}

/** Nobody answered, or not a gateway. */
export class Unreachable extends Error {
  readonly exitCode = EXIT.unreachable;
  constructor(
    readonly url: string,
    readonly why: string,
    options?: ErrorOptions,
  ) {
    super(`${url}: ${why}`, options);
    this.name = 'Unreachable';
  }
}

/** The command was called wrongly: a message of the catalogue. */
export class UsageError extends Error {
  readonly exitCode = EXIT.usage;
  constructor(
    readonly key: MessageKey,
    readonly values: Readonly<Record<string, string | number>> = {},
  ) {
    super(key);
    this.name = 'UsageError';
  }
}

/** The parser of the command line refused; its words are in the chosen language already. */
export class CommandLineError extends Error {
  readonly exitCode = EXIT.usage;
}

/** What was waited for ended badly; everything has been said already. */
export class JobFailed extends Error {
  readonly exitCode = EXIT.jobFailed;
}

/** A check of local files found something; all of it has been said already. */
export class CheckFailed extends Error {
  readonly exitCode = EXIT.refused;
}
