import type { Io } from '../io.js';
import { clip } from './text.js';

/**
 * Lines that change in place. Where there is no terminal, each line is written again only when its `state` has changed, so that a
 * log stays short.
 */
export interface BoardLine {
  readonly text: string;
  /** What counts as a change worth a new line of a log. */
  readonly state: string;
}

const FRAME_MS = 80;

export class Board {
  private lines: readonly BoardLine[] = [];
  private shown = 0;
  private readonly said = new Map<number, string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly io: Io) {}

  update(lines: readonly BoardLine[]): void {
    this.lines = lines;
    if (this.io.live) this.timer ??= setTimeout(() => this.draw(), FRAME_MS);
    else this.log();
  }

  /** Draws what is pending and leaves the lines as they are. */
  end(): void {
    if (this.io.live) this.draw();
    else this.log();
    this.shown = 0;
  }

  private draw(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const width = this.io.columns;
    const up = this.shown ? `\x1b[${this.shown}A` : '';
    this.io.raw(`${up}${this.lines.map((l) => `\r\x1b[2K${clip(l.text, width - 1)}\n`).join('')}`);
    this.shown = this.lines.length;
  }

  private log(): void {
    for (const [i, line] of this.lines.entries()) {
      if (this.said.get(i) === line.state) continue;
      this.said.set(i, line.state);
      this.io.note(line.text.trimEnd());
    }
  }
}
