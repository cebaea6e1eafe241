/** JSON text for a jsonb column; undefined values vanish as in any JSON. */
export function json(value: unknown): string {
  return JSON.stringify(value);
}
