/**
 * A piece of memory with the two views that the stack reads it by. Making a view per packet costs ten times what
 * reading a field does, so views are made once per memory and travel with offsets.
 */
export interface Memory {
  bytes: Uint8Array;
  view: DataView;
  /** Where it begins in the memory of `stack-memory.ts`; −1, or not there, when it lies elsewhere. */
  base?: number;
}

/** Wraps existing bytes (their whole extent; offsets count from their first byte). `base` is for stack memory. */
export function memoryOf(bytes: Uint8Array, base: number = -1): Memory {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), base };
}

/** Allocates `size` zeroed bytes of ordinary collected memory. */
export function allocateMemory(size: number): Memory {
  return memoryOf(new Uint8Array(size));
}
