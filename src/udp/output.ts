import { Checksum } from '../buffer/batch.ts';
import { copyPieces } from '../buffer/copy.ts';
import type { Path, SendOptions } from '../buffer/path.ts';
import { sumMemory } from '../buffer/stack-memory.ts';
import { checksumFinish, checksumFold, pseudoHeaderSum } from '../wire/checksum.ts';
import { Protocol } from '../wire/protocol.ts';
import type { DatagramRun } from './datagram-run.ts';
import { setUdpChecksum, UDP_HEADER_LENGTH, writeUdpHeader } from '../wire/udp.ts';

/**
 * Builds a datagram in the path's queue and sends it.
 *
 * @param length bytes in all pieces together
 * @param run what the socket has sent before, where this one may follow in the same packet
 * @returns false when the queue is full; nothing was taken then
 */
export function sendMessage(
  path: Path,
  sourcePort: number,
  destinationPort: number,
  message: Uint8Array | readonly Uint8Array[],
  length: number,
  options: SendOptions,
  run: DatagramRun,
): boolean {
  if (run.append(path, sourcePort, destinationPort, message, length, options)) return true;
  const packet = path.reserveMessage(length, UDP_HEADER_LENGTH);
  if (packet === undefined) return false;
  const { bytes, view } = packet.memory;
  copyPieces(bytes, packet.start, message);
  const start = packet.prepend(UDP_HEADER_LENGTH);
  const total = UDP_HEADER_LENGTH + length;
  writeUdpHeader(view, start, sourcePort, destinationPort, total);
  const { local, remote } = path;
  // No link completes the checksum of fragments.
  if (path.checksumOffload && path.headerLength + total <= path.mtu) {
    setUdpChecksum(view, start, checksumFold(pseudoHeaderSum(local, remote, Protocol.UDP, total)));
    packet.checksum = Checksum.partial;
  } else {
    const sum = sumMemory(pseudoHeaderSum(local, remote, Protocol.UDP, total), packet.memory, start, total);
    setUdpChecksum(view, start, checksumFinish(sum));
  }
  const { checksum } = packet;
  const { reservation } = path;
  path.send(packet, Protocol.UDP, options);
  if (checksum === Checksum.partial) {
    run.begin(path, sourcePort, destinationPort, reservation, start, length, options);
  }
  return true;
}
