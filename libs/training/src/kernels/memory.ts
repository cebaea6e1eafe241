import wabt from 'wabt';
import { StrataError } from '@strata/kernel';
import { namesOf, type Assignments } from './expr.js';
import { elementwiseWat, moduleWat, sumOfSquaresWat, type Address } from './wat.js';

const PAGE = 65536;
const LIMIT_32 = 2 ** 32;
/** Arrays begin at cache lines, and end at them: loops need no tail. */
export const ALIGN = 64;

/**
 * One block of memory for numbers that loops update in place and the runtime reads and writes through views. Its size is fixed: growing would detach the views. Pages that nobody touches
 * take no room.
 */
export interface Arena {
  readonly address: Address;
  readonly memory: WebAssembly.Memory;
  /** A view of `length` float32 numbers from byte `at`. */
  floats(at: number, length: number): Float32Array<ArrayBuffer>;
}

/** Zeros. @throws StrataError `out_of_memory` */
export function createArena(bytes: number, address: Address = bytes > LIMIT_32 ? 'i64' : 'i32'): Arena {
  const pages = Math.ceil(bytes / PAGE);
  let memory: WebAssembly.Memory;
  try {
    memory = new WebAssembly.Memory(descriptor(pages, address));
  } catch (cause) {
    throw new StrataError(
      'out_of_memory',
      `weights, gradients and optimiser state need ${(bytes / 2 ** 30).toFixed(1)} GiB in one piece, which this machine does not give. Use a smaller model, or an optimiser with less state.`,
      { cause },
    );
  }
  const { buffer } = memory;
  return { address, memory, floats: (at, length) => new Float32Array(buffer as ArrayBuffer, at, length) };
}

/** 64-bit memories (the memory64 proposal, in Node 24) count pages in BigInt, which TypeScript's types do not know yet. */
function descriptor(pages: number, address: Address): WebAssembly.MemoryDescriptor {
  if (address === 'i32') return { initial: pages, maximum: pages };
  const wide: unknown = { initial: BigInt(pages), maximum: BigInt(pages), address: 'i64' };
  return wide as WebAssembly.MemoryDescriptor;
}

/** A function over arrays in an arena: `n` numbers (a multiple of 16) from the byte addresses `at`, with the numbers `scalars`. */
export type Kernel = (
  n: number,
  at: Readonly<Record<string, number>>,
  scalars: Readonly<Record<string, number>>,
) => void;

export interface Kernels {
  /** One for each of the assignments that were compiled, in their order. */
  readonly updates: readonly Kernel[];
  /** Sum of squares of `n` numbers from byte `at`, in float64; not finite exactly when one of them is not. */
  sumOfSquares(n: number, at: number): number;
}

// assembling takes some milliseconds: the same functions are compiled once in a process
const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** WebAssembly text → module. */
export function assemble(wat: string): Promise<WebAssembly.Module> {
  let module = compiled.get(wat);
  if (!module) {
    module = wabt().then((assembler) => {
      const parsed = assembler.parseWat('kernels.wat', wat, { simd: true, memory64: true });
      try {
        return new WebAssembly.Module(new Uint8Array(parsed.toBinary({}).buffer));
      } finally {
        parsed.destroy();
      }
    });
    compiled.set(wat, module);
  }
  return module;
}

type Native = (...args: (number | bigint)[]) => number;

/** Compiles loops for the arena. */
export async function compileKernels(arena: Arena, updates: readonly Assignments[]): Promise<Kernels> {
  const { address, memory } = arena;
  const functions = updates.map((a, i) => elementwiseWat(`update${i}`, a, address));
  const wat = moduleWat([...functions, sumOfSquaresWat('sum_of_squares', address)], address);
  const instance = new WebAssembly.Instance(await assemble(wat), { env: { memory } });
  const exported = (name: string): Native => instance.exports[name] as Native;
  const pointer = address === 'i64' ? BigInt : Number;
  const sum = exported('sum_of_squares');
  return {
    updates: updates.map((a, i) => {
      const run = exported(`update${i}`);
      const { arrays, scalars: names } = namesOf(a);
      const need = (from: Readonly<Record<string, number>>, name: string): number => {
        const v = from[name];
        if (v === undefined) throw new StrataError('internal', `the update has no "${name}"`);
        return v;
      };
      return (n, at, scalars) => {
        run(pointer(n), ...arrays.map((x) => pointer(need(at, x))), ...names.map((x) => need(scalars, x)));
      };
    }),
    sumOfSquares: (n, at) => sum(pointer(n), pointer(at)),
  };
}
