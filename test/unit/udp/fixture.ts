import type { IcmpError } from '../../../src/buffer/icmp-error.ts';
import type { Path } from '../../../src/buffer/path.ts';
import type { ErrorCode, SystemError } from '../../../src/errors.ts';
import type { InterfaceOptions } from '../../../src/ip/interface.ts';
import { Groups } from '../../../src/udp/groups.ts';
import type { UdpMessageInfo } from '../../../src/udp/handler.ts';
import type { UdpHost } from '../../../src/udp/host.ts';
import type { UdpOptions } from '../../../src/udp/options.ts';
import { resolveUdpOptions } from '../../../src/udp/options.ts';
import { UdpSocket } from '../../../src/udp/socket.ts';
import { Udp } from '../../../src/udp/udp.ts';
import type { Address, AddressWords } from '../../../src/wire/address.ts';
import { isUnspecified, sameAddress } from '../../../src/wire/address.ts';
import { IcmpUnreachable } from '../../../src/wire/icmp.ts';
import { address, IpBench } from '../ip/fixture.ts';

/** A socket with all that its handler was told. */
export interface Listened {
  socket: UdpSocket;
  messages: { bytes: Uint8Array; info: UdpMessageInfo }[];
  errors: SystemError[];
  writable: number;
}

/** UDP over a real IP layer, with the plainest tables: what `stack/` is to it. */
export class UdpBench extends IpBench implements UdpHost {
  readonly udp: Udp;
  readonly groups: Groups<UdpSocket> = new Groups((index, group, filter) =>
    this.ip.memberships.listen(index, group, filter),
  );
  readonly sockets: Set<UdpSocket> = new Set();
  readonly touched: Set<UdpSocket> = new Set();
  readonly waiting: Set<UdpSocket> = new Set();
  readonly closedSockets: UdpSocket[] = [];
  /** Sockets that keep the process alive. */
  alive: number = 0;
  /** Calls of `path`. */
  pathsMade: number = 0;

  constructor(eth0: Partial<InterfaceOptions> = {}) {
    super(eth0);
    this.udp = new Udp(this);
    this.protocols = [17];
    this.onDatagram = (datagram) => {
      if (datagram.protocol !== 17) return;
      if (this.udp.arrives(datagram) === 'no-listener') this.ip.sendUnreachable(datagram, IcmpUnreachable.PORT);
    };
  }

  override icmpError(error: IcmpError): void {
    this.udp.failed(error);
  }

  lookup(local: AddressWords, localPort: number, remote: AddressWords, remotePort: number): UdpSocket | undefined {
    const matching = this.lookupGroup(local, localPort, remote, remotePort);
    return matching.find((socket) => socket.connected) ?? matching[0];
  }

  lookupGroup(local: AddressWords, localPort: number, remote: AddressWords, remotePort: number): UdpSocket[] {
    return [...this.sockets].filter(
      (socket) =>
        socket.localPort === localPort &&
        (isUnspecified(socket.localAddress) || sameAddress(socket.localAddress, local)) &&
        (!socket.connected || (socket.remotePort === remotePort && sameAddress(socket.remoteAddress!, remote))),
    );
  }

  staysInside(interfaceIndex: number): boolean {
    return this.ip.interface(interfaceIndex)?.loopback === true;
  }

  wayHint(code: ErrorCode, remote: Address): string | undefined {
    return this.ip.wayHint(code, remote);
  }

  groupInterface(group: Address, own: Address | undefined): number | undefined {
    return this.ip.groupInterface(group, own);
  }

  zoneOf(words: AddressWords, interfaceIndex: number): string | undefined {
    return this.ip.zoneOf(words, interfaceIndex);
  }

  path(local: Address | undefined, remote: Address, interfaceIndex?: number): Path | ErrorCode {
    this.pathsMade++;
    return this.ip.path(local, remote, interfaceIndex);
  }

  classify(words: AddressWords): 'local' | 'broadcast' | 'multicast' | 'other' {
    return this.ip.classify(words);
  }

  touch(socket: UdpSocket): void {
    this.touched.add(socket);
  }

  blocked(socket: UdpSocket): void {
    this.waiting.add(socket);
  }

  releasePort(): void {}

  /** The port that the next `takePort` finds. */
  nextPort: number | undefined = 50_000;

  takePort(): number | undefined {
    return this.nextPort;
  }

  keepAlive(change: 1 | -1): void {
    this.alive += change;
  }

  closed(socket: UdpSocket): void {
    this.sockets.delete(socket);
    this.closedSockets.push(socket);
  }

  /** A socket that writes down what it is told. */
  bind(port: number, options: UdpOptions & { address?: string } = {}): Listened {
    const { address: text = '0.0.0.0', ...rest } = options;
    const listened: Omit<Listened, 'socket'> = { messages: [], errors: [], writable: 0 };
    const result = listened as Listened;
    result.socket = new UdpSocket({
      host: this,
      localAddress: address(text),
      localPort: port,
      options: resolveUdpOptions(rest),
      handler: {
        onMessage: (bytes, info) => result.messages.push({ bytes, info }),
        onError: (error) => result.errors.push(error),
        onWritable: () => result.writable++,
      },
    });
    this.sockets.add(result.socket);
    return result;
  }

  /** The batch's end: every touched socket gets its turn. */
  turn(): void {
    const touched = [...this.touched];
    this.touched.clear();
    for (const socket of touched) socket.deliver();
  }
}

/** The words of messages, for comparison. */
export function texts(listened: Listened): string[] {
  return listened.messages.map(({ bytes }) => new TextDecoder().decode(bytes));
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
