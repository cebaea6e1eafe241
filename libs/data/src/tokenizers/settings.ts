import { StrataError } from '@strata/kernel';
import type { Component } from './types.js';

export const badTokenizer = (what: string, field: string, cause?: unknown): StrataError =>
  new StrataError('invalid_data', `the tokenizer file cannot be used: ${what}`, {
    where: { file: 'tokenizer.json', field },
    ...(cause === undefined ? {} : { cause }),
  });

export const unsupported = (kind: string, c: Component): StrataError =>
  badTokenizer(
    `the ${kind} "${c.type ?? 'without a type'}" is not supported. Convert it to one of the common kinds.`,
    kind,
  );

export function flag(c: Component, key: string, otherwise: boolean): boolean {
  const v = c[key];
  return typeof v === 'boolean' ? v : otherwise;
}

export function text(c: Component, key: string, otherwise?: string): string {
  const v = c[key];
  if (typeof v === 'string') return v;
  if (otherwise !== undefined) return otherwise;
  throw badTokenizer(`"${c.type ?? ''}" needs the text "${key}"`, key);
}

export function textOrNull(c: Component, key: string): string | null {
  const v = c[key];
  return typeof v === 'string' ? v : null;
}

export function count(c: Component, key: string, otherwise: number): number {
  const v = c[key];
  return typeof v === 'number' ? v : otherwise;
}

/** The parts of a Sequence. */
export function parts(c: Component, key: string): Component[] {
  const v = c[key];
  if (!Array.isArray(v)) throw badTokenizer(`"${c.type ?? ''}" needs the list "${key}"`, key);
  return v as Component[];
}

/** A vocabulary written as {token: id}. */
export function vocabularyOf(c: Component): Map<string, number> {
  const v = c['vocab'];
  if (typeof v !== 'object' || v === null || Array.isArray(v))
    throw badTokenizer('its model has no vocabulary of tokens and ids', 'model.vocab');
  return new Map(Object.entries(v as Record<string, number>));
}
