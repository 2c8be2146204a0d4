/**
 * A piece of memory with the two views that the stack reads it by. Making a view per packet costs ten times what
 * reading a field does, so views are made once per memory and travel with offsets.
 */
export interface Memory {
  bytes: Uint8Array;
  view: DataView;
}

/** Wraps existing bytes (their whole extent; offsets count from their first byte). */
export function memoryOf(bytes: Uint8Array): Memory {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** Allocates `size` zeroed bytes of ordinary collected memory. */
export function allocateMemory(size: number): Memory {
  return memoryOf(new Uint8Array(size));
}
