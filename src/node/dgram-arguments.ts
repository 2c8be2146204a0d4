import { Buffer } from 'node:buffer';
import { usageError } from '../errors.ts';
import { checkString, toPort } from './arguments.ts';
import { invalidArgType } from './net-errors.ts';

/** Told what became of a `send`: an error, or the bytes taken. */
export type SendCallback = (error: Error | null, bytes: number) => void;

/** The same as it is called: with an error there are no bytes, whatever Node's types say. */
type Callback = (error: Error | null, bytes?: number) => void;

/** A `send`, whichever way it was written. */
export interface SendRequest {
  readonly list: readonly Uint8Array[];
  /** Bytes in all pieces. */
  readonly size: number;
  readonly port: number | undefined;
  /** As it was given: nothing is the loopback. */
  readonly address: string | null | undefined;
  readonly callback: Callback | undefined;
}

const TYPES = 'of type string or an instance of Buffer, TypedArray, or DataView';

/**
 * The overloads of `dgram.send`: `(message, [offset, length,] [port [, address]] [, callback])`.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_SOCKET_BAD_PORT, ERR_SOCKET_DGRAM_IS_CONNECTED, ERR_BUFFER_OUT_OF_BOUNDS
 */
export function parseSend(args: readonly unknown[], connected: boolean): SendRequest {
  if (connected) return parseConnectedSend(args);
  // By index: to destructure arrays is to iterate over them, for each message.
  const message = args[0];
  const fourth = args[3];
  const sliced = Boolean(args[4] || (fourth && typeof fourth !== 'function'));
  const first = sliced ? 3 : 1;
  const port = args[first];
  const address = args[first + 1];
  const last = args[first + 2];
  const list = sliced ? [slice(message, args[1], args[2])] : toList(message);
  const plain = typeof address === 'function' ? undefined : address;
  const callback = toCallback(typeof address === 'function' ? address : last);
  const number = toPort(port, 'Port', 1);
  if (plain !== undefined && plain !== null) checkString(plain, 'address');
  return { list, size: sizeOf(list), port: number, address: plain as string | null | undefined, callback };
}

/** `(message, [offset, length,] [callback])`; as in Node a destination is refused only behind offset and length. */
function parseConnectedSend(args: readonly unknown[]): SendRequest {
  const [message, second, third, port, address] = args;
  const sliced = typeof third === 'number';
  const part = sliced ? [slice(message, second, third)] : undefined;
  if ((port && !(sliced && typeof port === 'function')) || address) {
    throw usageError('ERR_SOCKET_DGRAM_IS_CONNECTED', 'Already connected', Error);
  }
  const list = part ?? toList(message);
  const callback = toCallback(sliced ? port : second);
  return { list, size: sizeOf(list), port: undefined, address: undefined, callback };
}

function toCallback(value: unknown): Callback | undefined {
  return typeof value === 'function' ? (value as Callback) : undefined;
}

function toList(message: unknown): Uint8Array[] {
  if (!Array.isArray(message)) return [toBytes(message)];
  if (message.every(isMessage)) return message.map(toBytes);
  throw invalidArgType('buffer list arguments', TYPES, message);
}

function isMessage(piece: unknown): boolean {
  return typeof piece === 'string' || ArrayBuffer.isView(piece);
}

function toBytes(piece: unknown): Uint8Array {
  if (typeof piece === 'string') return Buffer.from(piece);
  if (!ArrayBuffer.isView(piece)) throw invalidArgType('buffer', TYPES, piece);
  return piece instanceof Uint8Array ? piece : new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
}

function slice(message: unknown, offset: unknown, length: unknown): Uint8Array {
  const bytes = toBytes(message);
  const start = toUint32(offset);
  const size = toUint32(length);
  if (start > bytes.byteLength) throw outOfBounds('offset');
  if (start + size > bytes.byteLength) throw outOfBounds('length');
  return bytes.subarray(start, start + size);
}

/** As Node reads it: of a BigInt or a symbol that is a TypeError of the language. */
export function toUint32(value: unknown): number {
  return (value as number) >>> 0;
}

function sizeOf(list: readonly Uint8Array[]): number {
  let size = 0;
  for (const piece of list) size += piece.byteLength;
  return size;
}

function outOfBounds(name: string): Error {
  return usageError('ERR_BUFFER_OUT_OF_BOUNDS', `"${name}" is outside of buffer bounds`, RangeError);
}
