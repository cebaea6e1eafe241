import { Injectable } from '@nestjs/common';
import { messageOf } from '../db/error-code.js';

const PATIENCE_MS = 2_000;

export interface CheckResult {
  readonly ok: boolean;
  readonly detail?: string;
}

/** What must answer before the gateway counts as ready; features add what they need in `onModuleInit`. */
@Injectable()
export class Readiness {
  private readonly checks = new Map<string, () => Promise<unknown>>();

  /** `check` returns when the thing answers and throws when it does not. */
  add(name: string, check: () => Promise<unknown>): void {
    this.checks.set(name, check);
  }

  async run(): Promise<Record<string, CheckResult>> {
    const entries = [...this.checks].map(async ([name, check]) => [name, await outcome(check)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }
}

async function outcome(check: () => Promise<unknown>): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
  });
  try {
    await Promise.race([check(), late]);
    return { ok: true };
  } catch (e) {
    return { ok: false, detail: messageOf(e) };
  } finally {
    clearTimeout(timer);
  }
}
