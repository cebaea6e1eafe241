import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for something that happens in another process. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) if (await holds()) return;
  throw new Error(`waited ${ms} ms in vain: ${what}`);
}
