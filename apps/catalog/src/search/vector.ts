/**
 * Numbers, four bytes each, in memory that the garbage collector does not count. For every 64 MiB of ordinary arrays V8 looks through all objects of the
 * heap, where there is nothing to find: of a million entries that took longer than the index itself.
 */
export const uint32s = (length: number): Uint32Array => new Uint32Array(new SharedArrayBuffer(4 * length));

/** A list of numbers that grows, four bytes each. */
export interface Vector {
  push(value: number): void;
  readonly length: number;
  /** The numbers so far; not to be kept over a push. */
  readonly data: Uint32Array;
}

export function createVector(): Vector {
  let data = uint32s(1024);
  let length = 0;
  return {
    push(value) {
      if (length === data.length) {
        const larger = uint32s(2 * length);
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
  let chunk = uint32s(1024);
  let used = 0;
  return {
    push(value) {
      if (used === chunk.length) {
        full.push(chunk);
        chunk = uint32s(CHUNK);
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
