import type { Argv, CommandModule } from 'yargs';
import type { App } from '../app.js';

/** Arguments as yargs hands them over; each command reads its own by the helpers below. */
export type Args = Record<string, unknown>;
export type Command = (app: App) => CommandModule<object, Args>;

export const text = (v: unknown): string | undefined =>
  v === undefined || v === null || v === '' ? undefined : Array.isArray(v) ? text(v.at(-1)) : String(v);
export const required = (v: unknown): string => text(v) ?? '';
export const number = (v: unknown): number | undefined => (typeof v === 'number' && Number.isFinite(v) ? v : undefined);
export const words = (v: unknown): string[] => (v === undefined ? [] : Array.isArray(v) ? v.map(String) : [String(v)]);

export const withLimit = (y: Argv, app: App): Argv =>
  y.option('limit', { type: 'number', default: 20, describe: app.io.t('opt_limit') });

/** A path segment of the API. */
export const seg = encodeURIComponent;

/** Local time for people: `2026-01-31 14:05`. */
export const when = (iso: string): string => new Date(iso).toLocaleString('sv-SE').slice(0, 16);
