/** The one stream of bytes that every script sends in both directions: what came can be checked without keeping it. */
function byteAt(at: number): number {
  return (at + (at >>> 8) * 7) & 255;
}

/** Bytes `[from, from + length)` of the stream that every script sends in both directions. */
export function stream(from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = byteAt(from + i);
  return bytes;
}

/** Where these bytes first differ from the stream from `from` on; −1 when they don't. */
export function differsFromStream(bytes: Uint8Array, from: number): number {
  return bytes.findIndex((byte, i) => byte !== byteAt(from + i));
}
