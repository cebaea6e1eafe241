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

const CHUNK = 1 << 21;

/** Numbers that are written in one go and read in one go; what was read can be let go. */
export interface Log {
  push(value: number): void;
  /** All numbers in their order, a chunk at a time; with `forget`, each chunk is dropped behind. */
  chunks(forget: boolean): Iterable<Uint32Array>;
}

export function createLog(): Log {
  const full: (Uint32Array | undefined)[] = [];
  let chunk = new Uint32Array(1024);
  let used = 0;
  return {
    push(value) {
      if (used === chunk.length) {
        full.push(chunk);
        chunk = new Uint32Array(CHUNK);
        used = 0;
      }
      chunk[used++] = value;
    },
    *chunks(forget) {
      for (let i = 0; i < full.length; i++) {
        const held = full[i];
        if (forget) full[i] = undefined;
        if (held) yield held;
      }
      yield chunk.subarray(0, used);
    },
  };
}
