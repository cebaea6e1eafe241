/**
 * A text on its way through normalizer and pre-tokenizers that still knows where each UTF-16 unit came from. Without arrays, unit i comes from unit `at + i` of the
 * original; with them, from the units [from[i], to[i]).
 */
export interface Aligned {
  readonly text: string;
  readonly at: number;
  readonly from?: Int32Array;
  readonly to?: Int32Array;
}

export const aligned = (text: string): Aligned => ({ text, at: 0 });

export const startOf = (a: Aligned, i: number): number => (a.from ? (a.from[i] ?? 0) : a.at + i);
/** End in the original of the unit before `i`. */
export const endOf = (a: Aligned, i: number): number => (a.to ? (a.to[i - 1] ?? 0) : a.at + i);

export function slice(a: Aligned, start: number, end: number): Aligned {
  if (start === 0 && end === a.text.length) return a;
  const text = a.text.slice(start, end);
  return a.from && a.to
    ? { text, at: a.at, from: a.from.subarray(start, end), to: a.to.subarray(start, end) }
    : { text, at: a.at + start };
}

/** Writes a changed text, keeping the alignment. */
export class Rewriter {
  #text = '';
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  constructor(readonly source: Aligned) {}

  /** `text` in place of the units [start, end) of the source. */
  put(text: string, start: number, end: number): void {
    const from = startOf(this.source, Math.min(start, Math.max(0, this.source.text.length - 1)));
    const to = end > start ? endOf(this.source, end) : from;
    this.#text += text;
    for (let i = 0; i < text.length; i++) {
      this.#from.push(from);
      this.#to.push(to);
    }
  }

  /** The characters of `text` in place of the units [start, end): character i comes from the source's character `index(i)` of that stretch. */
  spread(text: string, start: number, end: number, index: (i: number) => number): void {
    const places: number[] = [start];
    for (const c of this.source.text.slice(start, end)) places.push((places.at(-1) ?? 0) + c.length);
    const last = Math.max(0, places.length - 2);
    let i = 0;
    for (const c of text) {
      const at = Math.min(last, Math.max(0, index(i++)));
      this.put(c, places[at] ?? start, places[at + 1] ?? end);
    }
  }

  keep(start: number, end: number): void {
    const { source } = this;
    this.#text += source.text.slice(start, end);
    for (let i = start; i < end; i++) {
      this.#from.push(startOf(source, i));
      this.#to.push(endOf(source, i + 1));
    }
  }

  done(): Aligned {
    return { text: this.#text, at: 0, from: Int32Array.from(this.#from), to: Int32Array.from(this.#to) };
  }
}

/** Each code point replaced by what `map` gives; the source itself when nothing changes. */
export function mapCharacters(a: Aligned, map: (character: string) => string): Aligned {
  let changed: Rewriter | undefined;
  let kept = 0;
  let i = 0;
  for (const c of a.text) {
    const next = map(c);
    if (next !== c) {
      changed ??= new Rewriter(a);
      changed.keep(kept, i);
      changed.put(next, i, i + c.length);
      kept = i + c.length;
    }
    i += c.length;
  }
  if (!changed) return a;
  changed.keep(kept, a.text.length);
  return changed.done();
}

/** Each match of a global pattern replaced by a fixed text, whose source is the last character of the match. */
export function replaceAll(a: Aligned, pattern: RegExp, by: string): Aligned {
  let changed: Rewriter | undefined;
  let kept = 0;
  for (const m of a.text.matchAll(pattern)) {
    changed ??= new Rewriter(a);
    changed.keep(kept, m.index);
    kept = m.index + m[0].length;
    changed.put(by, m[0] === '' ? kept : kept - lastLength(m[0]), kept);
  }
  if (!changed) return a;
  changed.keep(kept, a.text.length);
  return changed.done();
}

/** UTF-16 units of the last character. */
const lastLength = (s: string): number => (/[\ud800-\udbff][\udc00-\udfff]$/.test(s) ? 2 : 1);
