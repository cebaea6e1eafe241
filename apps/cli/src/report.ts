import { ERRORS, isErrorCode } from '@strata/kernel';
import { ApiError, CheckFailed, CommandLineError, JobFailed, Unreachable, UsageError } from './errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import type { Io } from './io.js';
import { isMessageKey } from './messages.js';

function usageText(io: Io, e: UsageError): string {
  const values = { ...e.values };
  // a message may stand inside another one
  const wanted = values.wanted;
  if (typeof wanted === 'string' && isMessageKey(wanted)) values.wanted = io.t(wanted, values);
  return io.t(e.key, values);
}

function reportApi(io: Io, e: ApiError): void {
  const { problem } = e;
  const title = isErrorCode(problem.code) ? ERRORS[problem.code].title[io.lang] : problem.title;
  io.note(`${io.paint('red', `${io.t('error')} [${problem.code}]`)} ${title}`);
  io.note(`  ${problem.detail}`);
  const { field, line, ...rest } = problem.where ?? {};
  if (field) io.note(`  ${io.t('e_field')}  ${field}`);
  const place = [
    ...(line === undefined ? [] : [io.t('e_line', { n: line })]),
    ...Object.entries(rest).map(([k, v]) => `${k} ${v}`),
  ];
  if (place.length) io.note(`  ${io.t('e_where')}  ${place.join(', ')}`);
  if (problem.request_id) io.note(`  ${io.t('e_request')}  ${problem.request_id}`);
  const todo = `todo_${problem.code}`;
  const about = io.t('todo_code', { url: `${e.url}/api/errors/${problem.code}` });
  io.note(`  ${io.t('e_todo')}  ${isMessageKey(todo) ? io.t(todo) : about}`);
}

/** Tells an error in words (or, in --json, as one document on standard error) and gives the exit code. */
export function report(io: Io, e: unknown): ExitCode {
  if (e instanceof JobFailed || e instanceof CheckFailed) return e.exitCode; // what failed has been shown
  const asJson = (error: Record<string, unknown>): void => void io.note(JSON.stringify({ error }));
  if (e instanceof ApiError) {
    if (io.json) asJson({ ...e.problem, exit_code: e.exitCode });
    else reportApi(io, e);
    return e.exitCode;
  }
  if (e instanceof Unreachable) {
    const message = io.t('e_unreachable', { url: e.url, why: e.why });
    if (io.json) asJson({ code: 'unavailable', detail: message, exit_code: e.exitCode });
    else {
      io.note(`${io.paint('red', `${io.t('error')} [unavailable]`)} ${message}`);
      io.note(`  ${io.t('e_todo')}  ${io.t('todo_unreachable')}`);
    }
    return e.exitCode;
  }
  const usage = e instanceof UsageError ? usageText(io, e) : e instanceof CommandLineError ? e.message : undefined;
  if (usage !== undefined) {
    if (io.json) asJson({ code: 'invalid_request', detail: usage, exit_code: EXIT.usage });
    else {
      io.note(`${io.paint('red', `${io.t('error')}`)} ${usage}`);
      io.note(`  strata --help`);
    }
    return EXIT.usage;
  }
  const text = e instanceof Error ? (e.stack ?? e.message) : String(e);
  if (io.json) asJson({ code: 'internal', detail: text, exit_code: EXIT.internal });
  else io.note(`${io.paint('red', `${io.t('error')} [internal]`)} ${text}`);
  return EXIT.internal;
}
