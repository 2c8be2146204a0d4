import { createRequire } from 'node:module';
import type { Batch } from '../buffer/batch.ts';
import { Checksum } from '../buffer/batch.ts';
import { memoryOf } from '../buffer/memory.ts';
import { described, requireInteger, requireMethods, requireOptions, requireType } from '../errors.ts';
import { systemError, usageError } from '../errors.ts';
import type { CarrierLink } from '../link/carrier-link.ts';
import { AbstractCarrierLink } from '../link/carrier-link.ts';
import type { LinkHost } from '../link/link.ts';

/** A socket of the npm package `raw-socket`, as far as it is used. */
export interface RawSocketLike {
  on(event: 'message' | 'error' | 'close', listener: (argument?: unknown) => void): unknown;
  send(
    buffer: Buffer,
    offset: number,
    length: number,
    address: string,
    callback: (error: Error | null, bytes: number) => void,
  ): unknown;
  setOption(level: number, option: number, value: number): void;
  close(): unknown;
}

/** The npm package `raw-socket`, or any of its shape. */
export interface RawSocketModule {
  createSocket(options: { protocol: number; addressFamily: number; bufferSize: number }): RawSocketLike;
  readonly AddressFamily: object;
  readonly SocketLevel: object;
  readonly SocketOption: object;
}

export interface RawSocketLinkOptions {
  /** IP protocols, by name or number: a socket is opened for each. Default `['icmp', 'udp', 'tcp']`. */
  protocols?: readonly ('icmp' | 'udp' | 'tcp' | number)[];
  /** Largest IP packet in bytes, 68 to 65,535. Default 1500. */
  mtu?: number;
  /** Packets that may wait in the sockets before `send` takes less. Default 256. */
  queue?: number;
  /**
   * Takes the transport's checksums for right. What comes from this machine (`lo`, veth) has unfinished ones, which
   * the kernel hands to raw sockets as they are. Default false.
   */
  trustChecksums?: boolean;
  /** Default: the installed package `raw-socket`, else `@neuralegion/raw-socket`. */
  module?: RawSocketModule;
}

const RAW_SOCKET_OPTIONS: readonly string[] = Object.keys({
  protocols: true,
  mtu: true,
  queue: true,
  trustChecksums: true,
  module: true,
} satisfies Record<keyof RawSocketLinkOptions, true>);

const NUMBERS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17 };
const PACKAGES = ['raw-socket', '@neuralegion/raw-socket'];
const LONGEST_PACKET = 65_535;
const IPV4_HEADER = 20;
/** What is there of the module's constants when they have other names: Linux. */
const AF_INET_OF_MODULE = 1;
const IPPROTO_IP = 0;
const IP_HDRINCL = 3;
/** How long a closed link waits until what it has sent is gone, in microseconds. */
const PATIENCE = 1_000_000;

/**
 * A link over raw sockets of the kernel's: IPv4 packets with their headers, one socket a protocol. The stack shares an
 * address with the kernel, which answers too: docs/raw-socket-link.md says what to do about that. It needs root or
 * CAP_NET_RAW, and an optional package, or a module of its shape. Open sockets of that package keep the process alive.
 *
 * @throws ERR_USERNET_NO_RAW_SOCKET without a module, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE. Opening it throws
 * EPERM without the right.
 * @example
 * stack.attach(rawSocketLink({ protocols: ['icmp', 'udp', 'tcp'] }), { addresses: ['192.0.2.7/24'] });
 */
export function rawSocketLink(options: RawSocketLinkOptions = {}): CarrierLink {
  requireOptions('rawSocketLink', options, RAW_SOCKET_OPTIONS);
  const { protocols = ['icmp', 'udp', 'tcp'], mtu = 1500, queue = 256, trustChecksums = false } = options;
  const numbers = protocolNumbers(protocols);
  requireInteger('mtu', mtu, 68, LONGEST_PACKET);
  requireInteger('queue', queue, 1, 65_536);
  requireType('trustChecksums', trustChecksums, 'boolean');
  const { module = loadRawSocket(PACKAGES) } = options;
  requireMethods('module', module, ['createSocket'], 'the package raw-socket, or a module of its shape');
  return new RawSocketLink(module, numbers, mtu, queue, trustChecksums ? Checksum.valid : Checksum.none);
}

function protocolNumbers(protocols: unknown): number[] {
  if (!Array.isArray(protocols) || protocols.length === 0) {
    throw usageError('ERR_INVALID_ARG_TYPE', `protocols must be an array of IP protocols, not ${described(protocols)}`);
  }
  const numbers = protocols.map((protocol: unknown) => (typeof protocol === 'string' ? NUMBERS[protocol] : protocol));
  const wrong = numbers.findIndex(
    (number) => !(Number.isInteger(number) && Number(number) > 0 && Number(number) < 255),
  );
  if (wrong >= 0) {
    const message = `protocols must be of 'icmp', 'udp', 'tcp' and numbers from 1 to 254, not ${described(protocols[wrong])}`;
    throw usageError('ERR_INVALID_ARG_VALUE', message);
  }
  return [...new Set(numbers as number[])];
}

/** Loads the first of these packages that is there. */
export function loadRawSocket(names: readonly string[]): RawSocketModule {
  const require = createRequire(import.meta.url);
  const tried: string[] = [];
  for (const name of names) {
    try {
      return require(name) as RawSocketModule;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      tried.push(`${name} (${code === 'MODULE_NOT_FOUND' ? 'not found' : message.split('\n', 1)[0]})`);
    }
  }
  const message =
    `rawSocketLink needs the package ${names[0]}: run \`npm install ${names[0]}\`, ` +
    `or pass a module of its shape as \`module\`; tried ${tried.join(', ')}`;
  throw usageError('ERR_USERNET_NO_RAW_SOCKET', message, Error);
}

class RawSocketLink extends AbstractCarrierLink {
  readonly #module: RawSocketModule;
  readonly #protocols: readonly number[];
  readonly #queue: number;
  readonly #mark: number;
  readonly #sockets = new Map<number, RawSocketLike>();
  #host: LinkHost | undefined;
  /** Packets that a socket has and did not send yet. */
  #underWay: number = 0;
  /** `transmit` has left packets. */
  #refused: boolean = false;
  /** To be done when nothing is under way any more. */
  #finish: (() => void) | undefined;

  constructor(module: RawSocketModule, protocols: readonly number[], mtu: number, queue: number, mark: number) {
    super({ medium: 'ip', mtu, address: undefined }, { queueBytes: 16 << 20 });
    this.#module = module;
    this.#protocols = protocols;
    this.#queue = queue;
    this.#mark = mark;
  }

  protected override start(host: LinkHost): void {
    this.#host = host;
    try {
      for (const protocol of this.#protocols) this.#sockets.set(protocol, this.#open(protocol));
    } catch (error) {
      throw openError(error);
    }
    this.connected();
  }

  protected override transmit(batch: Batch): number {
    const { count } = batch;
    for (let row = 0; row < count; row++) {
      if (!this.mayPass(batch, row)) continue;
      const socket = this.#socketFor(batch, row);
      if (socket === undefined) {
        this.drop('no-socket');
        continue;
      }
      if (this.#underWay >= this.#queue) {
        this.#refused = true;
        return row;
      }
      const packet = Buffer.from(batch.packet(row));
      this.#underWay++;
      try {
        socket.send(packet, 0, packet.length, packet.subarray(16, 20).join('.'), this.#onSent);
      } catch (error) {
        this.#onSent(error as Error);
      }
    }
    return count;
  }

  protected override stop(host: LinkHost | undefined): void {
    if (host === undefined || this.#underWay === 0) return this.#closeSockets();
    // The package sends when the loop comes to it: what a closing stack says last is still waiting.
    const patience = host.clock.timer(() => this.#closeSockets());
    patience.at(host.clock.now() + PATIENCE);
    this.#finish = () => {
      patience.cancel();
      this.#closeSockets();
    };
  }

  #open(protocol: number): RawSocketLike {
    const { AddressFamily, SocketLevel, SocketOption } = this.#module;
    const addressFamily = constant(AddressFamily, 'IPv4', AF_INET_OF_MODULE);
    // Its default would cut packets off at 4096 bytes.
    const socket = this.#module.createSocket({ protocol, addressFamily, bufferSize: LONGEST_PACKET });
    socket.on('message', (packet) => this.#onMessage(packet));
    socket.on('error', (error) => this.ended(error instanceof Error ? error : systemError('EIO', 'read')));
    socket.on('close', () => this.ended());
    socket.setOption(
      constant(SocketLevel, 'IPPROTO_IP', IPPROTO_IP),
      constant(SocketOption, 'IP_HDRINCL', IP_HDRINCL),
      1,
    );
    return socket;
  }

  #socketFor(batch: Batch, row: number): RawSocketLike | undefined {
    const { bytes } = batch.memory[row]!;
    const offset = batch.offset[row]!;
    if (batch.length[row]! < IPV4_HEADER || bytes[offset]! >>> 4 !== 4) return undefined;
    return this.#sockets.get(bytes[offset + 9]!);
  }

  /** The package reads the next packet into the same memory. */
  #onMessage(packet: unknown): void {
    if (!(packet instanceof Uint8Array)) this.drop('received-not-bytes');
    else if (!this.inboxHasRoom) this.drop('received-full');
    else this.copied(memoryOf(packet), 0, packet.length, this.#mark);
  }

  readonly #onSent = (error: Error | null): void => {
    this.#underWay--;
    // No route, no permission by the firewall: as on any network, the packet is lost.
    if (error !== null) this.drop('refused');
    if (this.#underWay === 0) this.#finish?.();
    if (!this.#refused || this.#underWay > this.#queue / 2) return;
    this.#refused = false;
    // It may be called from inside of `send`.
    this.#host?.clock.defer(() => this.writable());
  };

  #closeSockets(): void {
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    for (const socket of sockets) socket.close();
  }
}

function constant(names: object, name: string, otherwise: number): number {
  const value: unknown = Reflect.get(names ?? {}, name);
  return typeof value === 'number' ? value : otherwise;
}

/** The package's errors are texts. */
function openError(cause: unknown): Error {
  const text = cause instanceof Error ? cause.message : '';
  if (!/not permitted|EPERM|EACCES/i.test(text)) return cause instanceof Error ? cause : new Error(String(cause));
  const hint = 'raw sockets need root or CAP_NET_RAW (a container: `--cap-add NET_RAW`)';
  return systemError('EPERM', 'socket', { hint, cause });
}
