/** A list of numbers that grows, four bytes each. */
export interface Vector {
  push(value: number): void;
  readonly length: number;
  /** The numbers so far; not to be kept over a push. */
  readonly data: Uint32Array;
}

export function createVector(): Vector {
  let data = new Uint32Array(1024);
  let length = 0;
  return {
    push(value) {
      if (length === data.length) {
        const larger = new Uint32Array(2 * length);
        larger.set(data);
        data = larger;
      }
      data[length++] = value;
    },
    get length() {
      return length;
    },
    get data() {
      return data.subarray(0, length);
    },
  };
}

const CHUNK = 1 << 20;

/** Pairs of numbers, written once and read once; what was read is let go. */
export interface PairLog {
  push(a: number, b: number): void;
  readonly length: number;
  /** All pairs in their order, a chunk at a time. */
  chunks(): Iterable<Uint32Array>;
  /** The same, and each chunk is forgotten behind. */
  drain(): Iterable<Uint32Array>;
}

export function createPairLog(): PairLog {
  const full: (Uint32Array | undefined)[] = [];
  let chunk = new Uint32Array(2 * 1024);
  let used = 0;
  let count = 0;
  const close = (): void => {
    full.push(chunk.subarray(0, used));
    chunk = new Uint32Array(2 * CHUNK);
    used = 0;
  };
  return {
    push(a, b) {
      if (used === chunk.length) close();
      chunk[used++] = a;
      chunk[used++] = b;
      count++;
    },
    get length() {
      return count;
    },
    *chunks() {
      for (const c of full) if (c) yield c;
      yield chunk.subarray(0, used);
    },
    *drain() {
      for (let i = 0; i < full.length; i++) {
        const c = full[i];
        full[i] = undefined;
        if (c) yield c;
      }
      yield chunk.subarray(0, used);
    },
  };
}
