import type { Column, ColumnType } from '@strata/contracts';
import { parseNumber, type Cell } from './values.js';

const DISTINCT_MOST = 10_000;
const EXAMPLES = 5;
const EXAMPLE_LENGTH = 120;
/** Below this many rows "every value differs" says nothing about a column. */
const ID_ROWS = 20;
const ID_NAME = /(^|[\s_.-])(id|uuid|guid|key|index|idx|no|nr)$|编号|序号|^unnamed: 0$/iu;
const ID_CAMEL = /[a-z](Id|ID|Key|Index)$/u;
const BOOLEAN = new Set(['true', 'false', 'yes', 'no', 't', 'f', 'y', 'n', '是', '否']);
/** A share of numbers from which a column counts as numeric although some cell is none. */
const MOSTLY = 0.98;
/** What people write in a number column for "not known"; an inferred column takes them as missing. */
const MISSING_TOKENS = new Set([
  '-',
  '--',
  '.',
  '..',
  'n/a',
  'n.a.',
  '#n/a',
  'none',
  'unknown',
  'missing',
  '无',
  '未知',
]);

/** What is learned about a column while its cells stream by. */
export class ColumnStats {
  rows = 0;
  missing = 0;
  #numbers = 0;
  #integers = 0;
  #sequential = 0;
  #leadingZero = false;
  #booleans = true;
  #spaced = 0;
  #characters = 0;
  #longest = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;
  #previous = NaN;
  #distinct = new Map<string, number>();
  /** Cells that are no numbers, by value, and the line of the first: `numbers` may still be declared. */
  readonly odd = new Map<string, number>();

  constructor(readonly name: string) {}

  add(cell: Cell, line: number): void {
    this.rows++;
    if (cell === null) {
      this.missing++;
      return;
    }
    const seen = this.#distinct.get(cell);
    if (seen !== undefined) this.#distinct.set(cell, seen + 1);
    else if (this.#distinct.size < DISTINCT_MOST) this.#distinct.set(cell, 1);
    const value = parseNumber(cell);
    if (Number.isNaN(value)) {
      if (this.odd.size < EXAMPLES || this.odd.has(cell)) {
        if (!this.odd.has(cell)) this.odd.set(cell, line);
      }
      if (cell.includes(' ')) this.#spaced++;
    } else {
      this.#numbers++;
      if (Number.isInteger(value)) this.#integers++;
      if (cell.length > 1 && cell.charCodeAt(0) === 48 && cell.charCodeAt(1) >= 48 && cell.charCodeAt(1) <= 57)
        this.#leadingZero = true;
      if (value === this.#previous + 1) this.#sequential++;
      this.#previous = value;
      this.#sum += value;
      if (value < this.#min) this.#min = value;
      if (value > this.#max) this.#max = value;
    }
    if (this.#booleans && !BOOLEAN.has(cell.toLowerCase())) this.#booleans = false;
    this.#characters += cell.length;
    if (cell.length > this.#longest) this.#longest = cell.length;
  }

  get present(): number {
    return this.rows - this.missing;
  }

  /** The one marker ('-', 'unknown') that keeps an otherwise numeric column from being one, if that is what it is. */
  get missingMarker(): string | undefined {
    const [only] = this.odd.keys();
    return this.odd.size === 1 && only !== undefined && this.#numbers > 0 && MISSING_TOKENS.has(only.toLowerCase())
      ? only
      : undefined;
  }

  /** The first cell that keeps an almost entirely numeric column from being one. */
  get brokenNumber(): { cell: string; line: number } | undefined {
    const [first] = this.odd;
    const almost = this.present >= ID_ROWS && this.#numbers < this.present && this.#numbers >= this.present * MOSTLY;
    return almost && first && this.#distinct.size > ID_ROWS ? { cell: first[0], line: first[1] } : undefined;
  }

  /** Every present cell is a number. */
  get numeric(): boolean {
    return this.present > 0 && this.#numbers === this.present;
  }

  type(): ColumnType {
    const n = this.present;
    if (n === 0) return 'empty';
    const distinct = this.#distinct.size;
    const unique = distinct === Math.min(n, DISTINCT_MOST);
    const named = ID_NAME.test(this.name) || ID_CAMEL.test(this.name);
    if (this.numeric && !this.#leadingZero) {
      const whole = this.#integers === n;
      if (whole && n >= ID_ROWS && named && distinct >= n * 0.5) return 'id';
      if (whole && n >= ID_ROWS && unique && this.#sequential === n - 1) return 'id';
      return 'number';
    }
    if (this.#booleans && new Set([...this.#distinct.keys()].map((v) => v.toLowerCase())).size <= 2) return 'boolean';
    const mean = this.#characters / n;
    if (unique && n >= ID_ROWS && (named || (this.#spaced < n * 0.05 && mean < 64 && this.#wordy() < 0.5))) return 'id';
    if (distinct > 2 && this.#free(distinct / n, mean)) return 'text';
    return 'category';
  }

  /** Free text: values hardly repeat and are long, or have several words. A Chinese character says about as much as half a word. */
  #free(ratio: number, mean: number): boolean {
    if (this.#distinct.size >= DISTINCT_MOST && mean >= 20) return true;
    return ratio > 0.3 && (mean >= 25 || this.#wordy() > 0.5 || this.#longest > 200);
  }

  /** Share of sampled values that read as a phrase: three words or more, or eight Chinese characters or more. */
  #wordy(): number {
    let phrases = 0;
    let sampled = 0;
    for (const value of this.#distinct.keys()) {
      if (++sampled > 500) break;
      const words = value.split(/\s+/u).length;
      const han = value.match(/\p{Script=Han}/gu)?.length ?? 0;
      if (words >= 3 || han >= 8) phrases++;
    }
    return sampled === 0 ? 0 : phrases / Math.min(sampled, 500);
  }

  describe(type: ColumnType): Column {
    const examples = [];
    for (const value of this.#distinct.keys()) {
      examples.push(value.length > EXAMPLE_LENGTH ? `${value.slice(0, EXAMPLE_LENGTH - 1)}…` : value);
      if (examples.length === EXAMPLES) break;
    }
    return {
      name: this.name,
      type,
      missing: this.missing,
      distinct: this.#distinct.size,
      examples,
      ...(type === 'number' && this.#numbers > 0
        ? { min: this.#min, max: this.#max, mean: this.#sum / this.#numbers }
        : {}),
    };
  }
}
