import { assemble } from './memory.js';

/**
 * Philox 4×32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a block of four words is a function of a counter of four words and a key of two, so any part of a stream
 * can be drawn without what comes before it. Blocks are drawn four at a time, one in each lane of a vector.
 */

/** Key and the three upper words of the counter; the lowest word counts blocks. */
export interface Stream {
  readonly key: readonly [number, number];
  readonly at: readonly [number, number, number];
}

export interface Philox {
  /** Arrays for these counts of numbers, in one memory. The arrays of an earlier call must no longer be used. */
  room(counts: readonly number[]): Float32Array<ArrayBuffer>[];
  /** Fills with 0 with probability `rate` (in steps of 2⁻¹⁶), else 1 / (1 - rate). */
  dropout(into: Float32Array, stream: Stream, rate: number): void;
  /** Uniform in [0, 1), 24 bits. */
  uniform(into: Float32Array, stream: Stream): void;
  /** Standard normal (Box & Muller 1958). */
  normal(into: Float32Array, stream: Stream): void;
  /** The words themselves, 16 for each four blocks: word 0 of the four, word 1 of the four, … */
  words(into: Uint32Array, stream: Stream, firstBlock?: number): void;
}

// high and low halves of the 64-bit products of the lanes with a constant
const mulhilo = (c: string, m: string, hi: string, lo: string): string => `
(local.set $e (i64x2.extmul_low_i32x4_u (local.get ${c}) (local.get ${m})))
(local.set $f (i64x2.extmul_high_i32x4_u (local.get ${c}) (local.get ${m})))
(local.set ${hi} (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 (local.get $e) (local.get $f)))
(local.set ${lo} (i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 (local.get $e) (local.get $f)))`;

const ROUND = `
${mulhilo('$c0', '$m0', '$h0', '$l0')}
${mulhilo('$c2', '$m1', '$h1', '$l1')}
(local.set $c0 (v128.xor (v128.xor (local.get $h1) (local.get $c1)) (local.get $q0)))
(local.set $c1 (local.get $l1))
(local.set $c2 (v128.xor (v128.xor (local.get $h0) (local.get $c3)) (local.get $q1)))
(local.set $c3 (local.get $l0))`;
const NEXT_KEY = `
(local.set $q0 (i32x4.add (local.get $q0) (i32x4.splat (i32.const 0x9E3779B9))))
(local.set $q1 (i32x4.add (local.get $q1) (i32x4.splat (i32.const 0xBB67AE85))))`;

/** A function(address, groups of four blocks, first block, counter words 1 to 3, key words, more…) that gives the four words of each lane to `store`. */
const drawing = (name: string, parameters: string, bytes: number, setup: string, store: string): string => `
(func (export "${name}") (param $p i32) (param $n i32) (param $b i32) (param $w1 i32) (param $w2 i32) (param $w3 i32)
  (param $k0 i32) (param $k1 i32) ${parameters}
  (local $m0 v128) (local $m1 v128) (local $e v128) (local $f v128) (local $h0 v128) (local $l0 v128) (local $h1 v128) (local $l1 v128)
  (local $c0 v128) (local $c1 v128) (local $c2 v128) (local $c3 v128) (local $q0 v128) (local $q1 v128) (local $x v128) (local $y v128)
  (local.set $m0 (i32x4.splat (i32.const 0xD2511F53)))
  (local.set $m1 (i32x4.splat (i32.const 0xCD9E8D57)))
  ${setup}
  (if (i32.eqz (local.get $n)) (then (return)))
  (loop $turn
    (local.set $c0 (i32x4.add (i32x4.splat (local.get $b)) (v128.const i32x4 0 1 2 3)))
    (local.set $c1 (i32x4.splat (local.get $w1)))
    (local.set $c2 (i32x4.splat (local.get $w2)))
    (local.set $c3 (i32x4.splat (local.get $w3)))
    (local.set $q0 (i32x4.splat (local.get $k0)))
    (local.set $q1 (i32x4.splat (local.get $k1)))
    ${Array.from({ length: 10 }, (_, i) => (i === 0 ? '' : NEXT_KEY) + ROUND).join('\n')}
    ${store}
    (local.set $p (i32.add (local.get $p) (i32.const ${bytes})))
    (local.set $b (i32.add (local.get $b) (i32.const 4)))
    (br_if $turn (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))`;

const LANE_WORDS = ['$c0', '$c1', '$c2', '$c3'];

const WORDS = drawing(
  'words',
  '',
  64,
  '',
  LANE_WORDS.map((c, i) => `(v128.store offset=${16 * i} (local.get $p) (local.get ${c}))`).join('\n'),
);

const UNIFORM = drawing(
  'uniform',
  '',
  64,
  '',
  LANE_WORDS.map(
    (c, i) =>
      `(v128.store offset=${16 * i} (local.get $p) (f32x4.mul (f32x4.convert_i32x4_u (i32x4.shr_u (local.get ${c}) (i32.const 8))) (f32x4.splat (f32.const 0x1p-24))))`,
  ).join('\n'),
);

// two masks from each word, its lower and its upper half: a half below the threshold is a zero
const DROPOUT = drawing(
  'dropout',
  '(param $threshold i32) (param $kept f32) (local $t v128) (local $s v128)',
  128,
  '(local.set $t (i32x4.splat (local.get $threshold))) (local.set $s (f32x4.splat (local.get $kept)))',
  LANE_WORDS.map((c, i) =>
    [`(v128.and (local.get ${c}) (i32x4.splat (i32.const 0xffff)))`, `(i32x4.shr_u (local.get ${c}) (i32.const 16))`]
      .map(
        (half, j) =>
          `(v128.store offset=${32 * i + 16 * j} (local.get $p) (v128.and (local.get $s) (i32x4.ge_u ${half} (local.get $t))))`,
      )
      .join('\n'),
  ).join('\n'),
);

const WAT = `(module (import "env" "memory" (memory 0)) ${WORDS} ${UNIFORM} ${DROPOUT})`;

const PAGE = 65536;
/** Arrays are filled in whole groups of this many bytes. */
const GROUP = 128;

type Fill = (...args: number[]) => void;

/** A generator with a memory of its own. */
export async function createPhilox(): Promise<Philox> {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(await assemble(WAT), { env: { memory } });
  const fill = (
    name: string,
    bytes: number,
    array: Float32Array | Uint32Array,
    { key, at }: Stream,
    more: number[],
    block = 0,
  ) => (exports[name] as Fill)(array.byteOffset, Math.ceil(array.byteLength / bytes), block, ...at, ...key, ...more);

  const philox: Philox = {
    room(counts) {
      const starts: number[] = [];
      let end = 0;
      for (const n of counts) {
        starts.push(end);
        end += Math.ceil((4 * n) / GROUP) * GROUP;
      }
      if (end > memory.buffer.byteLength) memory.grow(Math.ceil((end - memory.buffer.byteLength) / PAGE));
      const { buffer } = memory;
      return counts.map((n, i) => new Float32Array(buffer as ArrayBuffer, starts[i] as number, n));
    },
    dropout: (into, stream, rate) => fill('dropout', 128, into, stream, [Math.round(rate * 65536), 1 / (1 - rate)]),
    uniform: (into, stream) => fill('uniform', 64, into, stream, []),
    words: (into, stream, firstBlock = 0) => fill('words', 64, into, stream, [], firstBlock),
    normal(into, stream) {
      philox.uniform(into, stream);
      // the array's room is a multiple of two numbers
      const u = new Float32Array(into.buffer, into.byteOffset, into.length + (into.length % 2));
      for (let i = 0; i < u.length; i += 2) {
        // 1 - u is in (0, 1], so the logarithm is finite
        const r = Math.sqrt(-2 * Math.log(1 - (u[i] as number)));
        const angle = 2 * Math.PI * (u[i + 1] as number);
        u[i] = r * Math.cos(angle);
        u[i + 1] = r * Math.sin(angle);
      }
    },
  };
  return philox;
}
