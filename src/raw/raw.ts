import type { Datagram } from '../buffer/datagram.ts';
import type { IcmpError } from '../buffer/icmp-error.ts';
import type { RawSocket } from './socket.ts';

/** The raw sockets of a stack: who hears which protocol. */
export class Raw {
  readonly #byProtocol = new Map<number, RawSocket[]>();

  add(socket: RawSocket): void {
    const others = this.#byProtocol.get(socket.protocol);
    if (others === undefined) this.#byProtocol.set(socket.protocol, [socket]);
    else others.push(socket);
  }

  remove(socket: RawSocket): void {
    const rest = (this.#byProtocol.get(socket.protocol) ?? []).filter((other) => other !== socket);
    if (rest.length > 0) this.#byProtocol.set(socket.protocol, rest);
    else this.#byProtocol.delete(socket.protocol);
  }

  /** Gives each socket that an arrived datagram is for its copy; the stack goes on with it. @returns whether there was one */
  arrives(datagram: Datagram): boolean {
    // What all packets pay where there are no raw sockets.
    if (this.#byProtocol.size === 0) return false;
    const sockets = this.#byProtocol.get(datagram.protocol);
    if (sockets === undefined) return false;
    let heard = false;
    for (const socket of sockets) {
      if (!socket.hears(datagram)) continue;
      heard = true;
      socket.receive(datagram);
    }
    return heard;
  }

  /**
   * Takes an ICMP error. As Linux: sockets with a remote address are told, of what is no passing condition.
   *
   * @returns whether it was about a protocol that some raw socket has
   */
  failed({ protocol, hard, code, source, destination }: IcmpError): boolean {
    const sockets = this.#byProtocol.get(protocol);
    if (sockets === undefined) return false;
    for (const socket of sockets) {
      if (socket.family === source.family && hard && socket.sentTo(source, destination)) socket.fail(code);
    }
    return true;
  }
}
