export interface Readable {
  level: string;
  time: number | undefined;
  words: string;
}
export function readable(line: string): Readable | undefined;
export function postgresLine(line: string): { words: string; level: string } | undefined;
export function createLog(
  stream: { write(text: string): unknown; isTTY?: boolean },
  options?: { colour?: boolean },
): (who: string, line: string, level?: string) => void;
