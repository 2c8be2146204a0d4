import { hostWebAssembly } from '../time/host.ts';
import type { HostWebAssembly } from '../time/host.ts';
import { checksumAdd, checksumFold } from '../wire/checksum.ts';
import { copyBytes } from './copy.ts';
import type { Memory } from './memory.ts';
import { allocateMemory, memoryOf } from './memory.ts';
import { SUM_COPY } from './sum-copy.ts';

/*
 * Stack memory is what a stack writes and reads itself, again and again: send queues, packets under construction, small packets on a
 * cable. It lies in one WebAssembly memory, where a few instructions of WebAssembly copy and sum four times as fast as
 * JavaScript does. What applications get is never here. Where there is no WebAssembly (a page may forbid it), or no more room, it is
 * ordinary memory, and everything is done in JavaScript, with the same results.
 */

/** The whole of it, in bytes, for all stacks of a thread. It never grows, so that no view of it is ever detached. */
const SIZE = 0x100_0000;
/** It is given out in pieces of this size or four times that. */
const PIECE = 0x1_0000;
const LARGE = 4 * PIECE;
/** A page of WebAssembly, in bytes. */
const PAGE = 0x1_0000;
/** Fewer bytes than this are summed and copied in JavaScript: a call would cost more. */
const SHORT = 96;

/** What `sum-copy.wat` exports; places are offsets in the memory. */
interface Functions {
  /** The sum of `length` bytes in little-endian words, at most 17 bits. */
  sum(at: number, length: number): number;
  /** Copies, and returns the sum. */
  copySum(to: number, at: number, length: number): number;
  copy(to: number, at: number, length: number): void;
}

/** The one memory of the thread, and what of it is free. */
class Arena {
  readonly functions: Functions;
  readonly #buffer: ArrayBuffer;
  /** Where the free pieces of both sizes begin. */
  readonly #free: { small: number[]; large: number[] } = { small: [], large: [] };
  #used: number = 0;
  /** A piece whose owner has been forgotten can be given out again. */
  readonly #forgotten: FinalizationRegistry<number> = new FinalizationRegistry((place) => {
    if (place < 0) this.#free.large.push(-place - 1);
    else this.#free.small.push(place);
  });

  constructor({ Memory, Module, Instance }: HostWebAssembly) {
    const pages = SIZE / PAGE;
    const memory = new Memory({ initial: pages, maximum: pages });
    const bytes = Uint8Array.from(SUM_COPY.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
    this.functions = new Instance(new Module(bytes), { m: { m: memory } }).exports as Functions;
    this.#buffer = memory.buffer;
  }

  /** A piece of `PIECE` or `LARGE` bytes; undefined when there is none. */
  take(size: number): Memory | undefined {
    const free = size === LARGE ? this.#free.large : this.#free.small;
    let base = free.pop();
    if (base === undefined) {
      if (this.#used + size > SIZE) return undefined;
      base = this.#used;
      this.#used += size;
    }
    const memory = memoryOf(new Uint8Array(this.#buffer, base, size), base);
    this.#forgotten.register(memory, size === LARGE ? -base - 1 : base);
    return memory;
  }
}

/** Undefined before the first use; null where there is none. */
let arena: Arena | null | undefined;
/** Those of the arena; what calls them has memory of the arena. */
let functions: Functions;

function openArena(): Arena | null {
  const host = hostWebAssembly();
  if (host === undefined) return null;
  try {
    const opened = new Arena(host);
    ({ functions } = opened);
    return opened;
  } catch {
    // No SIMD, no address space, or code from strings is forbidden (a Content Security Policy).
    return null;
  }
}

/** Allocates `size` bytes of stack memory, which hold whatever was there; best 64 KiB or 256 KiB. */
export function allocateStackMemory(size: number): Memory {
  if (size !== PIECE && size !== LARGE) return allocateMemory(size);
  if (arena === undefined) arena = openArena();
  return arena?.take(size) ?? allocateMemory(size);
}

/** Little-endian words' sum as `checksumAdd` has it. */
function bigEndian(sum: number): number {
  const folded = checksumFold(sum);
  return ((folded & 0xff) << 8) | (folded >>> 8);
}

/** `checksumAdd` over bytes of any memory: adds `length` bytes at `offset` to a sum. */
export function sumMemory(sum: number, memory: Memory, offset: number, length: number): number {
  const { base = -1 } = memory;
  if (base < 0 || length < SHORT) return checksumAdd(sum, memory.view, offset, length);
  return sum + bigEndian(functions.sum(base + offset, length));
}

/** Copies `length` bytes. Offsets in bytes; the caller has checked that they lie inside both. */
export function copyMemory(target: Memory, to: number, source: Memory, from: number, length: number): void {
  const { base: there = -1 } = target;
  const { base: here = -1 } = source;
  if (there < 0 || here < 0 || length < SHORT) copyBytes(target.bytes, to, source.bytes, from, length);
  else functions.copy(there + to, here + from, length);
}

/** Copies `length` bytes, and returns `sum` with theirs: one pass over them where both are stack memory. */
export function copySumMemory(
  sum: number,
  target: Memory,
  to: number,
  source: Memory,
  from: number,
  length: number,
): number {
  const { base: there = -1 } = target;
  const { base: here = -1 } = source;
  if (there >= 0 && here >= 0 && length >= SHORT) {
    return sum + bigEndian(functions.copySum(there + to, here + from, length));
  }
  copyBytes(target.bytes, to, source.bytes, from, length);
  return sumMemory(sum, target, to, length);
}
