import { Checksum } from '../buffer/batch.ts';
import { Datagram } from '../buffer/datagram.ts';
import type { Memory } from '../buffer/memory.ts';
import { memoryOf } from '../buffer/memory.ts';
import { DEFAULT_HOP_LIMIT } from '../buffer/path.ts';
import type { Path, SendOptions } from '../buffer/path.ts';
import { Protocol } from '../wire/protocol.ts';
import type { UdpHost } from './host.ts';

/**
 * Gives what was sent to a group or broadcast address to those of the sender's own stack who hear it: as if it had come in
 * by the interface that it leaves by (RFC 1112 §6.1; Linux: ip_mc_output).
 */
export function deliverOwnCopy(
  host: UdpHost,
  path: Path,
  sourcePort: number,
  destinationPort: number,
  message: Uint8Array | readonly Uint8Array[],
  options: SendOptions,
): void {
  const { local, remote, interfaceIndex } = path;
  const sockets = host.lookupGroup(remote, destinationPort, local, sourcePort, interfaceIndex);
  let datagram: Datagram | undefined;
  for (const socket of sockets) {
    if (!host.groups.hears(socket, remote, interfaceIndex, local)) continue;
    datagram ??= describe(path, wholeOf(message), options);
    // Copied there, at once.
    socket.receive(datagram, sourcePort, 0, datagram.length);
  }
}

/** A datagram of which only the message is there: that is all that a socket reads. */
function describe({ local, remote, interfaceIndex }: Path, message: Memory, options: SendOptions): Datagram {
  const datagram = new Datagram(message);
  datagram.packetEnd = message.bytes.byteLength;
  datagram.version = remote.family;
  datagram.source.set(local);
  datagram.destination.set(remote);
  datagram.protocol = Protocol.UDP;
  datagram.ttl = options.ttl === 'auto' ? DEFAULT_HOP_LIMIT : options.ttl;
  datagram.trafficClass = options.trafficClass;
  datagram.checksum = Checksum.valid;
  datagram.group = true;
  datagram.interfaceIndex = interfaceIndex;
  return datagram;
}

function wholeOf(message: Uint8Array | readonly Uint8Array[]): Memory {
  if (message instanceof Uint8Array) return memoryOf(message);
  const whole = new Uint8Array(message.reduce((length, { byteLength }) => length + byteLength, 0));
  let at = 0;
  for (const piece of message) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return memoryOf(whole);
}
