import { xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/**
 * Seeded random numbers whose state can be stored in a checkpoint and restored: the same seed gives the same stream on
 * every platform (xoroshiro128+, Blackman & Vigna 2018).
 */
export interface Rng {
  /** Uniform in [0, 1), 32 bits of randomness. */
  next(): number;
  /** Uniform integer in [0, n). */
  int(n: number): number;
  /** Standard normal (Box–Muller). */
  normal(): number;
  /** Fisher–Yates, in place. */
  shuffle<T extends { length: number; [i: number]: unknown }>(items: T): T;
  /** An independent stream for a named purpose: same parent seed and name, same stream, however far the parent has advanced. */
  fork(name: string): Rng;
  getState(): RngState;
  setState(state: RngState): void;
}

export interface RngState {
  readonly seed: number;
  readonly words: readonly number[];
}

/** FNV-1a over the name, folded into the seed: streams for different purposes do not overlap in practice. */
function derive(seed: number, name: string): number {
  let h = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  return h | 0;
}

export function createRng(seed: number): Rng {
  let state = { seed: seed | 0, gen: xoroshiro128plus(seed | 0) };
  const u32 = (): number => state.gen.next() >>> 0;
  const next = (): number => u32() / 0x1_0000_0000;
  const rng: Rng = {
    next,
    int: (n) => Math.floor(next() * n),
    normal() {
      // 1 - u is in (0, 1], so the logarithm is finite
      const r = Math.sqrt(-2 * Math.log(1 - next()));
      return r * Math.cos(2 * Math.PI * next());
    },
    shuffle(items) {
      const a = items as { length: number; [i: number]: unknown };
      for (let i = a.length - 1; i > 0; i--) {
        const j = rng.int(i + 1);
        [a[i], a[j]] = [a[j], a[i]];
      }
      return items;
    },
    fork: (name) => createRng(derive(state.seed, name)),
    getState: () => ({ seed: state.seed, words: [...state.gen.getState()] }),
    setState(s) {
      state = { seed: s.seed, gen: xoroshiro128plusFromState(s.words) };
    },
  };
  return rng;
}
