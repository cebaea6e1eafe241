import { createLog, createVector, uint32s } from './vector.js';

/** A part of a document. */
export interface Field {
  /** What one occurrence in it counts. */
  readonly weight: number;
  /** How much its length divides that: 0 not at all, 1 in full. */
  readonly b: number;
}

/**
 * Postings by term, the heaviest first: BM25 over fields (Robertson, Zaragoza and Taylor 2004),
 *
 *   tf' = Σ_f weight_f · tf_f / (1 − b_f + b_f · length_f / mean length_f)
 *   impact = ln(1 + (N − df + ½) / (df + ½)) · (k₁ + 1) · tf' / (k₁ + tf') · weight of the document
 *
 * An impact is kept in 255 steps of its term's greatest.
 */
export interface Inverted {
  readonly documents: number;
  /** Where the postings of a term begin; those of the last end at the last number. */
  readonly starts: Uint32Array;
  /** (255 − step) · 2²⁴ + document: sorted, the heaviest come first, and equal ones in the order of documents. */
  readonly postings: Uint32Array;
  /** Impact of one step, by term. */
  readonly scales: Float32Array;
  readonly bytes: number;
}

export interface InvertedBuilder {
  add(field: number, term: number): void;
  /** Ends a document, which weighs so much. */
  next(weight: number): void;
  /** Yields where it can be interrupted. */
  finish(): Generator<void, Inverted>;
}

export const STEPS = 255;
export const MOST_DOCUMENTS = 1 << 24;
/** Documents and terms have 24 bits, above them are steps or occurrences. */
const LOW = MOST_DOCUMENTS - 1;
const K1 = 1.2;
/** Occurrences are counted to three: more say little (k₁), and so four fields fit into eight bits. */
const MOST_TF = 3;
const FIELD_BITS = 2;
const MOST_FIELDS = 4;

/** A term of so many entries, as a share and at least, is not looked for in the last field alone: the prose where everything occurs. */
const COMMON_SHARE = 0.1;
const COMMON_LEAST = 50;

/** @param among documents that N counts at least: those that are searched apart and ranked together with these */
export function createInverted(fields: readonly Field[], among = 0): InvertedBuilder {
  if (fields.length > MOST_FIELDS) throw new RangeError(`${fields.length} fields; ${MOST_FIELDS} at most`);
  // what the documents hold, one after the other: occurrences in eight bits, term in the others
  const log = createLog();
  const sizes = createVector();
  const lengths = fields.map(() => createVector());
  const weights: number[] = [];
  let df = new Uint32Array(1024);
  let terms = 0;
  const here = fields.map(() => 0);
  let tf = new Uint8Array(1024);
  const touched: number[] = [];
  let documents = 0;

  return {
    add(field, term) {
      if (term >= MOST_DOCUMENTS) throw new RangeError(`more than ${MOST_DOCUMENTS} terms`);
      if (term >= tf.length) {
        const room = 2 * term;
        const [moreTf, moreDf] = [new Uint8Array(room), new Uint32Array(room)];
        moreTf.set(tf);
        moreDf.set(df);
        [tf, df] = [moreTf, moreDf];
      }
      terms = Math.max(terms, term + 1);
      const packed = tf[term] ?? 0;
      const shift = FIELD_BITS * field;
      if (packed === 0) touched.push(term);
      if (((packed >> shift) & MOST_TF) < MOST_TF) tf[term] = packed + (1 << shift);
      here[field] = (here[field] ?? 0) + 1;
    },

    next(weight) {
      if (documents === MOST_DOCUMENTS) throw new RangeError(`more than ${MOST_DOCUMENTS} documents`);
      for (const term of touched) {
        df[term]!++;
        log.push((tf[term]! << 24) | term);
        tf[term] = 0;
      }
      sizes.push(touched.length);
      touched.length = 0;
      fields.forEach((_, f) => {
        lengths[f]?.push(here[f] ?? 0);
        here[f] = 0;
      });
      weights.push(weight);
      documents++;
    },

    *finish() {
      const all = Math.max(documents, among);
      const common = Math.max(COMMON_LEAST, COMMON_SHARE * documents);
      const lastOnly = MOST_TF << (FIELD_BITS * (fields.length - 1));
      const kept = (entry: number): boolean =>
        df[entry & LOW]! <= common || fields.length === 1 || ((entry >>> 24) & ~lastOnly) !== 0;

      const starts = new Uint32Array(terms + 1);
      for (const chunk of log.chunks(false)) {
        for (const entry of chunk) if (kept(entry)) starts[(entry & LOW) + 1]!++;
        yield;
      }
      for (let t = 0; t < terms; t++) starts[t + 1]! += starts[t]!;
      const postings = uint32s(starts[terms] ?? 0);
      const free = starts.slice();
      const held = sizes.data;
      let document = -1;
      let left = 0;
      for (const chunk of log.chunks(true)) {
        for (const entry of chunk) {
          while (left === 0) left = held[++document]!;
          left--;
          if (kept(entry)) postings[free[entry & LOW]!++] = (entry & ~LOW) | document;
        }
        yield;
      }

      // weight / (1 − b + b · length / mean), by field and document
      const shrink = fields.map(() => new Float32Array(documents));
      for (const [f, { weight, b }] of fields.entries()) {
        const own = lengths[f]?.data ?? new Uint32Array();
        let total = 0;
        for (const n of own) total += n;
        const mean = total / Math.max(1, documents) || 1;
        for (let d = 0; d < documents; d++) shrink[f]![d] = weight / (1 - b + (b * own[d]!) / mean);
        yield;
      }
      const scales = new Float32Array(terms);
      let impacts = new Float32Array(1024);
      let sorted = new Uint32Array(1024);
      const places = new Uint32Array(STEPS + 2);
      for (let t = 0, since = 0; t < terms; t++) {
        const list = postings.subarray(starts[t], starts[t + 1]);
        if (list.length > impacts.length) {
          impacts = new Float32Array(2 * list.length);
          sorted = new Uint32Array(2 * list.length);
        }
        const n = df[t] ?? 0;
        const idf = Math.log(1 + (all - n + 0.5) / (n + 0.5));
        let greatest = 0;
        for (let i = 0; i < list.length; i++) {
          const at = list[i]! & LOW;
          let sum = 0;
          for (let f = 0, tfs = list[i]! >>> 24; tfs; f++, tfs >>= FIELD_BITS) sum += (tfs & MOST_TF) * shrink[f]![at]!;
          const impact = ((idf * (K1 + 1) * sum) / (K1 + sum)) * weights[at]!;
          impacts[i] = impact;
          if (impact > greatest) greatest = impact;
        }
        scales[t] = greatest / STEPS;
        sortBySteps(list, impacts, greatest, sorted, places);
        if ((since += list.length) > 1 << 18) {
          since = 0;
          yield;
        }
      }
      return {
        documents,
        starts,
        postings,
        scales,
        bytes: starts.byteLength + postings.byteLength + scales.byteLength,
      };
    },
  };
}

/** Puts postings into the order of their impacts, in steps (a counting sort, so that equal ones keep theirs). `sorted` and `at` are room to work in. */
function sortBySteps(
  list: Uint32Array,
  impacts: Float32Array,
  greatest: number,
  sorted: Uint32Array,
  at: Uint32Array,
): void {
  at.fill(0);
  const place = (i: number): number => STEPS - Math.max(1, Math.round((impacts[i]! / greatest) * STEPS));
  for (let i = 0; i < list.length; i++) at[place(i) + 1]!++;
  for (let p = 0; p <= STEPS; p++) at[p + 1]! += at[p]!;
  for (let i = 0; i < list.length; i++) {
    const p = place(i);
    sorted[at[p]!++] = ((p << 24) | (list[i]! & LOW)) >>> 0;
  }
  list.set(sorted.subarray(0, list.length));
}
