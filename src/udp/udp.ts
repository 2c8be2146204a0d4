import { Checksum } from '../buffer/batch.ts';
import type { Datagram } from '../buffer/datagram.ts';
import type { IcmpError } from '../buffer/icmp-error.ts';
import { plateauBelow } from '../buffer/mtu-plateaus.ts';
import {
  checkUdp,
  checkUdpChecksum,
  hasUdpChecksum,
  UDP_HEADER_LENGTH,
  udpDestinationPort,
  udpLength,
  udpSourcePort,
} from '../wire/udp.ts';
import type { UdpHost } from './host.ts';
import type { UdpSocket } from './socket.ts';

/** What became of an arrived datagram. `no-listener` asks for a port unreachable ([S-013] [S-031]). */
export type UdpVerdict = 'delivered' | 'no-listener' | 'dropped';

/** UDP as a protocol: checks what arrives and finds the sockets. One for a stack. */
export class Udp {
  readonly #host: UdpHost;

  constructor(host: UdpHost) {
    this.#host = host;
  }

  /**
   * Takes a datagram whose protocol is 17. On `no-listener` the caller tells the sender (of datagrams for groups
   * nobody is told: they are `dropped`).
   */
  arrives(datagram: Datagram): UdpVerdict {
    const { counters } = this.#host;
    const {
      memory: { view },
      start,
      source,
      destination,
    } = datagram;
    // [S-038] RFC 768: the length says what is the message's; IP's may be longer, not shorter.
    const flaw =
      checkUdp(view, start, datagram.length) ??
      // [S-034] RFC 1122 §4.1.3.4
      (datagram.checksum === Checksum.none ? checkUdpChecksum(view, start, source, destination) : undefined) ??
      // [S-046] RFC 8200 §8.1: over IPv6 none may be left out, whoever vouches for the bytes.
      (datagram.version === 6 && !hasUdpChecksum(view, start) ? 'udp-bad-checksum' : undefined);
    if (flaw !== undefined) {
      counters.add(flaw);
      return 'dropped';
    }
    // Port 0 is no port; as a source it says that no answer is wanted (RFC 768).
    const localPort = udpDestinationPort(view, start);
    if (localPort === 0) {
      counters.add('udp-port-zero');
      return 'dropped';
    }
    return this.#dispatch(datagram, localPort, udpSourcePort(view, start));
  }

  /**
   * Takes an ICMP error about a UDP datagram. Only a connected socket whose addresses and ports are the quoted ones is
   * told: on an unconnected socket one vanished client could otherwise crash a server.
   */
  failed(error: IcmpError): void {
    const { counters } = this.#host;
    const {
      memory: { view },
      start,
    } = error;
    const localPort = udpSourcePort(view, start);
    const remotePort = udpDestinationPort(view, start);
    const socket = this.#host.lookup(error.source, localPort, error.destination, remotePort);
    if (socket === undefined) return counters.add('udp-error-no-socket');
    if (error.code === 'EMSGSIZE') this.#tooBig(error);
    if (!socket.connected) return counters.add('udp-error-unconnected');
    // [S-033] RFC 1122 §4.1.3.3. As Linux without IP_RECVERR: errors that may pass are not told.
    if (!error.hard) return counters.add('udp-error-soft');
    socket.fail(error.code);
  }

  /**
   * [S-052] [S-053] A router says that a datagram of this stack was too big: what follows is sent in fragments of that size.
   * That a socket has the port and, if connected, the peer, is all that can be checked.
   */
  #tooBig({ source, destination, mtu, quotedLength }: IcmpError): void {
    const { counters } = this.#host;
    const limit = mtu === 0 ? plateauBelow(quotedLength) : mtu;
    if (limit >= quotedLength) return counters.add('udp-mtu-implausible');
    const path = this.#host.path(source.toAddress(), destination.toAddress());
    if (typeof path === 'string') return counters.add('udp-mtu-no-path');
    path.limitMtu(limit);
    counters.add('udp-mtu-lowered');
  }

  #dispatch(datagram: Datagram, localPort: number, remotePort: number): UdpVerdict {
    const { source, destination, group } = datagram;
    const host = this.#host;
    if (!group) {
      const socket = host.lookup(destination, localPort, source, remotePort, datagram.interfaceIndex);
      if (socket !== undefined) {
        receive(socket, datagram, remotePort);
        return 'delivered';
      }
      host.counters.add('udp-no-listener');
      return 'no-listener';
    }
    const sockets = host.lookupGroup(destination, localPort, source, remotePort, datagram.interfaceIndex);
    let heard = false;
    for (const socket of sockets) {
      if (!host.groups.hears(socket, destination, datagram.interfaceIndex, source)) continue;
      receive(socket, datagram, remotePort);
      heard = true;
    }
    if (heard) return 'delivered';
    host.counters.add('udp-no-listener');
    return 'dropped';
  }
}

/** Gives a socket its message; a super-segment stands for several, each delivered alone. */
function receive(socket: UdpSocket, datagram: Datagram, remotePort: number): void {
  const first = datagram.start + UDP_HEADER_LENGTH;
  const end = datagram.start + udpLength(datagram.memory.view, datagram.start);
  const { segmentSize } = datagram;
  if (segmentSize === 0) return socket.receive(datagram, remotePort, first, end - first);
  for (let at = first; at < end; at += segmentSize) {
    socket.receive(datagram, remotePort, at, Math.min(segmentSize, end - at));
  }
}
