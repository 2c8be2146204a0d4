import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';

/** How `write`, `end` and their like are called back. */
export type WriteCallback = (error?: Error | null) => void;

/** A write as the stream keeps and hands it down: strings are not decoded, so that they count as in Node. */
export interface StreamWrite {
  readonly chunk: Buffer | string;
  readonly encoding: BufferEncoding;
}

/** The bytes of a write. */
export function toBytes(chunk: StreamWrite['chunk'], encoding: BufferEncoding): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}

/** Bytes that the stream has not handed down yet. */
export function waitingBytes(stream: Duplex): number {
  let bytes = 0;
  // Node's own socket counts in it, too; it has no public name.
  for (const { chunk, encoding } of Reflect.get(stream, 'writableBuffer') as StreamWrite[]) {
    bytes += typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding) : chunk.byteLength;
  }
  return bytes;
}
