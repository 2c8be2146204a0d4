import { copyPieces } from '../buffer/copy.ts';
import type { Path, SendOptions } from '../buffer/path.ts';
import { transportChecksum } from '../wire/checksum.ts';
import { Protocol } from '../wire/protocol.ts';

/**
 * Sends a payload behind a header of IP.
 *
 * @param length bytes in all pieces together
 * @param checksumOffset where in it a checksum over IPv6's pseudo header is filled in
 * @returns false when the queue is full; nothing was taken then
 */
export function sendPayload(
  path: Path,
  protocol: number,
  payload: Uint8Array | readonly Uint8Array[],
  length: number,
  checksumOffset: number | undefined,
  options: SendOptions,
): boolean {
  const packet = path.reserveMessage(length, 0);
  if (packet === undefined) return false;
  const { bytes, view } = packet.memory;
  const { start } = packet;
  copyPieces(bytes, start, payload);
  if (checksumOffset !== undefined) {
    const at = start + checksumOffset;
    view.setUint16(at, 0);
    const checksum = transportChecksum(view, start, length, path.local, path.remote, protocol);
    // RFC 768: UDP's zero says that there is none (RFC 8200 §8.1).
    view.setUint16(at, checksum === 0 && protocol === Protocol.UDP ? 0xffff : checksum);
  }
  path.send(packet, protocol, options);
  return true;
}
