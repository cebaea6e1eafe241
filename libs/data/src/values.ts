import type { DatasetFormat } from '@strata/contracts';

/** A cell as read: trimmed text, or null where the file says that the value is missing. */
export type Cell = string | null;

export const DEFAULT_MISSING: readonly string[] = ['', '?', 'NA', 'N/A', 'NaN', 'nan', 'null', 'NULL'];

/**
 * A decimal number as spreadsheets and programs write it: sign, digits, point, exponent. NaN for anything else, and for what JavaScript alone reads as a number
 * (hexadecimal, `Infinity`, the empty string).
 */
export function parseNumber(text: string): number {
  const first = text.charCodeAt(0);
  // digits, '+', '-', '.'
  if (!((first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46)) return NaN;
  const second = text.charCodeAt(1) | 32;
  if (second === 120 || second === 111 || second === 98) return NaN; // 0x, 0o, 0b
  const value = Number(text);
  return Number.isFinite(value) ? value : NaN;
}

export const missingSet = (format: Pick<DatasetFormat, 'missing_values'>): ReadonlySet<string> =>
  new Set(format.missing_values);

/** `"a", "b" and 3 more`, for messages that list what exists. */
export function quoteList(names: readonly string[], most = 12): string {
  const shown = names.slice(0, most).map((n) => `"${n}"`);
  return names.length > most ? `${shown.join(', ')} and ${names.length - most} more` : shown.join(', ');
}
