import type { Datagram } from '../buffer/datagram.ts';
import type { IcmpError } from '../buffer/icmp-error.ts';
import type { Random } from '../time/clock.ts';
import { uniform } from '../time/seeded-random.ts';
import { icmpIdentifier } from '../wire/icmp.ts';
import { Protocol } from '../wire/protocol.ts';
import type { PingSocket } from './ping-socket.ts';

const IDENTIFIERS = 0x1_0000;

/** The ping sockets of a stack: their identifiers tell their messages apart. */
export class Pings {
  readonly #random: Random;
  /** By identifier, of both families. */
  readonly #sockets = new Map<number, PingSocket>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** An identifier that no socket has, and nobody can predict; none when all are in use. */
  freeIdentifier(): number | undefined {
    if (this.#sockets.size >= IDENTIFIERS) return undefined;
    let identifier = uniform(this.#random, IDENTIFIERS);
    while (this.#sockets.has(identifier)) identifier = (identifier + 1) % IDENTIFIERS;
    return identifier;
  }

  add(socket: PingSocket): void {
    this.#sockets.set(socket.identifier, socket);
  }

  remove(socket: PingSocket): void {
    this.#sockets.delete(socket.identifier);
  }

  /** Takes a valid echo reply. @returns whether it answers a request of one of the sockets */
  replied(datagram: Datagram): boolean {
    const socket = this.#sockets.get(icmpIdentifier(datagram.memory.view, datagram.start));
    return socket !== undefined && socket.family === datagram.version && socket.replied(datagram);
  }

  /** Takes an ICMP error about a message of ICMP or ICMPv6. @returns whether it is about a request of one of the sockets */
  failed(error: IcmpError): boolean {
    const { protocol, source } = error;
    if (protocol !== (source.family === 4 ? Protocol.ICMP : Protocol.ICMPV6)) return false;
    const socket = this.#sockets.get(icmpIdentifier(error.memory.view, error.start));
    return socket !== undefined && socket.family === source.family && socket.failed(error);
  }
}
