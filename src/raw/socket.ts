import { AddressKeeper, AddressReader, toAddress } from '../buffer/address-memo.ts';
import { Checksum } from '../buffer/batch.ts';
import { copyBytes, lengthOf } from '../buffer/copy.ts';
import type { Datagram } from '../buffer/datagram.ts';
import { Mailbox } from '../buffer/mailbox.ts';
import type { SendOptions } from '../buffer/path.ts';
import type { ErrorCode, SystemError } from '../errors.ts';
import { requireBytes, requireOptions, systemError, usageError } from '../errors.ts';
import { isMulticast, isUnspecified, needsZone, sameAddress } from '../wire/address.ts';
import type { Address, AddressRegister, AddressWords } from '../wire/address.ts';
import { transportChecksum } from '../wire/checksum.ts';
import { checksumFieldOf, completedChecksum } from '../wire/segmentation.ts';
import type { RawHandler, RawPacketInfo } from './handler.ts';
import { MadePacket } from './header-included.ts';
import type { RawHost } from './host.ts';
import type { RawTunables, ResolvedRawOptions } from './options.ts';
import { checkRawOption, checkRawTunable, requireRawOptionName } from './options.ts';
import { sendPayload } from './output.ts';
import { Ways } from './ways.ts';

/** What a socket is made of; the stack has checked protocol, addresses and device. */
export interface RawSocketInit {
  host: RawHost;
  protocol: number;
  /** One of the stack's addresses, a group or a broadcast; 0.0.0.0 or :: for all. Its family is the socket's. */
  localAddress: Address;
  /** The one peer, if there is only one. */
  remoteAddress: Address | undefined;
  deviceIndex: number | undefined;
  options: ResolvedRawOptions;
  handler: RawHandler;
}

/** What one `send` may choose instead of the socket's options. */
export interface RawSendOptions {
  /** Time to live or hop limit, 1 to 255, for groups from 0 on. */
  ttl?: number | undefined;
  /** The whole traffic-class byte. */
  trafficClass?: number | undefined;
  /** What is longer than the path's MTU is not sent in fragments, but fails with EMSGSIZE. */
  dontFragment?: boolean | undefined;
}

/** Packets counted by a socket. */
export interface RawSocketCounters {
  received: number;
  sent: number;
  /** Arrived when the receive buffer was full. */
  dropped: number;
  /** ICMP errors that were about this socket's packets. */
  errors: number;
}

const SEND_OPTIONS: readonly (keyof RawSendOptions)[] = ['ttl', 'trafficClass', 'dontFragment'];

/**
 * A raw socket: it sends packets of one IP protocol, and receives a copy of every packet of that protocol that arrives for
 * the stack. Made by `stack.raw.open`.
 *
 * @example
 * const ospf = stack.raw.open({ protocol: 89 }, {
 *   onPacket: (bytes, { offset, remoteAddress }) => console.log(`${remoteAddress}: ${bytes.subarray(offset)}`),
 * });
 */
export class RawSocket {
  readonly counters: RawSocketCounters = { received: 0, sent: 0, dropped: 0, errors: 0 };
  readonly options: Readonly<ResolvedRawOptions>;
  readonly protocol: number;
  /** 0.0.0.0 or :: for all. */
  readonly localAddress: Address;
  readonly remoteAddress: Address | undefined;
  /** @internal The interface that it is bound to. */
  readonly deviceIndex: number | undefined;
  readonly #options: ResolvedRawOptions;
  readonly #host: RawHost;
  readonly #handler: RawHandler;
  readonly #ways: Ways;
  readonly #mailbox: Mailbox<RawPacketInfo>;
  readonly #sendOptions: SendOptions = { ttl: 64, trafficClass: 0 };
  /** The addresses of the last packet received. */
  readonly #source: AddressKeeper = new AddressKeeper();
  readonly #destination: AddressKeeper = new AddressKeeper();
  readonly #reader: AddressReader = new AddressReader();

  /** @throws `ENETUNREACH`, `EADDRNOTAVAIL`, `ENETDOWN`, `EACCES`, … when there is no way to the remote address */
  constructor(init: RawSocketInit) {
    this.#host = init.host;
    this.#handler = init.handler;
    this.protocol = init.protocol;
    this.localAddress = init.localAddress;
    this.deviceIndex = init.deviceIndex;
    this.#options = { ...init.options };
    this.options = this.#options;
    this.#ways = new Ways({ ...init, syscall: 'send' });
    this.remoteAddress =
      init.remoteAddress === undefined ? undefined : this.#ways.to(init.remoteAddress, init.options.broadcast).remote;
    this.#mailbox = this.#makeMailbox();
  }

  get family(): 4 | 6 {
    return this.localAddress.family;
  }

  get closed(): boolean {
    return this.#mailbox.closed;
  }

  /** Received packets that wait for their turn. */
  get pending(): number {
    return this.#mailbox.length;
  }

  /** Something waits for `deliver`. For the stack. */
  get due(): boolean {
    return this.#mailbox.due;
  }

  /**
   * Sends one packet: the bytes are copied, the caller may reuse them at once.
   *
   * @param bytes the payload, whole or in pieces; with `headerIncluded` the packet, which begins with its IPv4 header
   * @param address where to; left out when the socket has a `remoteAddress`, and with `headerIncluded` where it is the one in
   * the header
   * @param options of this packet; none with `headerIncluded`: they stand in its header
   * @returns true when it is queued; false when the interface's queue is full: the packet was *not* taken, and
   * `onWritable` tells when to try again
   * @throws `EMSGSIZE` (longer than 65,515 bytes over IPv4, 65,535 over IPv6; with `dontFragment` or `headerIncluded` than the
   * path's MTU),
   * `EDESTADDRREQ` (no destination), `EISCONN` (a destination, and the
   * socket has one), `EINVAL` (no IPv4 header, or too short for its checksum), `ENETUNREACH`, `EADDRNOTAVAIL` (also a
   * source in the header that is not the stack's), `ENETDOWN` (no way there at present), `EAFNOSUPPORT`, `EACCES`
   * (broadcast without the option), `EBADF` (closed); `ERR_INVALID_ARG_VALUE` and the like for a misuse
   */
  send(bytes: Uint8Array | readonly Uint8Array[], address?: Address | string, options: RawSendOptions = {}): boolean {
    requireBytes('bytes', bytes);
    requireSendOptions(options, this.#options.headerIncluded);
    if (this.closed) throw systemError('EBADF', 'send', { hint: 'the socket is closed' });
    const sent = this.#options.headerIncluded
      ? this.#sendPacket(new MadePacket(bytes), address)
      : this.#sendPayload(bytes, this.#remote(address), options);
    if (sent) this.counters.sent++;
    else this.#host.blocked(this);
    return sent;
  }

  /**
   * Joins a multicast group on the interface with the address given, or of its zone (`::%tun0`, or that of the group:
   * `ff02::5%tun0`), else on that of the route to it. Packets to it are then heard by the host, and so by all its raw sockets
   * of the protocol.
   *
   * @throws `EBADF`, `EINVAL` (no group, or of the other family), `ENODEV` (no such interface), `EADDRINUSE` (joined
   * already), `ENOBUFS` (in 20 groups of IPv4 or 256 of IPv6 already); `ERR_INVALID_ARG_VALUE` for a misuse
   */
  join(group: Address | string, own?: Address | string): void {
    this.#changeGroup('join', group, own);
  }

  /**
   * Undoes `join`.
   *
   * @throws `EADDRNOTAVAIL` (not joined), `EBADF`, `EINVAL`, `ENODEV`; `ERR_INVALID_ARG_VALUE` for a misuse
   */
  leave(group: Address | string, own?: Address | string): void {
    this.#changeGroup('leave', group, own);
  }

  /** Ends the socket: no callback comes any more, packets not yet delivered are dropped. Idempotent. */
  close(): void {
    if (!this.#mailbox.close()) return;
    this.#host.groups.forget(this);
    this.#host.closed(this);
  }

  /** The open socket keeps the process alive (the default). */
  ref(): void {
    this.#mailbox.ref();
  }

  unref(): void {
    this.#mailbox.unref();
  }

  /** Changes an option. @throws `ERR_INVALID_ARG_VALUE`, `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE` */
  set<K extends keyof RawTunables>(option: K, value: RawTunables[K]): void {
    checkRawTunable(option, value, this.protocol, this.family);
    const options: RawTunables = this.#options;
    options[option] = value;
    this.#mailbox.limit = this.#options.receiveBuffer;
  }

  get<K extends keyof ResolvedRawOptions>(option: K): ResolvedRawOptions[K] {
    requireRawOptionName(option);
    return this.#options[option];
  }

  /** Is an arrived packet of its protocol for this socket? For `Raw`. */
  hears({ version, source, destination, interfaceIndex, group }: Datagram): boolean {
    if (version !== this.family) return false;
    if (group && !this.#host.groups.hears(this, destination, interfaceIndex, source)) return false;
    if (this.deviceIndex !== undefined && interfaceIndex !== this.deviceIndex) return false;
    if (!this.#between(destination, source)) return false;
    // RFC 4007 §6: the same link-local address on another link is another host.
    return this.#inZone(this.localAddress, interfaceIndex) && this.#inZone(this.remoteAddress, interfaceIndex);
  }

  /** Takes a copy of an arrived packet. For `Raw`. */
  receive(datagram: Datagram): void {
    const { memory, version, packetStart, packetEnd, start, source, destination, interfaceIndex } = datagram;
    if (this.closed || !this.#wants(datagram)) return;
    // As Linux: IPv4's header is given, IPv6's are not.
    const first = version === 4 ? packetStart : start;
    const length = packetEnd - first;
    if (!this.#mailbox.reserve(length)) {
      this.counters.dropped++;
      return this.#host.counters.add('raw-receive-buffer-full');
    }
    const bytes = new Uint8Array(length);
    copyBytes(bytes, 0, memory.bytes, first, length);
    this.#completeChecksum(bytes, start - first, datagram);
    this.counters.received++;
    this.#mailbox.push(bytes, {
      remoteAddress: this.#source.keep(source, this.#zoneOf(source, interfaceIndex)),
      localAddress: this.#destination.keep(destination, this.#zoneOf(destination, interfaceIndex)),
      protocol: this.protocol,
      offset: start - first,
      size: packetEnd - start,
      ttl: datagram.ttl,
      trafficClass: datagram.trafficClass,
      interface: this.#host.interfaceName(interfaceIndex),
    });
  }

  /** Is an ICMP error about a packet between these addresses for this socket to tell? For `Raw`. */
  sentTo(local: AddressWords, remote: AddressWords): boolean {
    return this.remoteAddress !== undefined && this.#between(local, remote);
  }

  /** Takes an ICMP error about a packet to the remote address, or learns that its address or device is gone. For the stack. */
  fail(code: ErrorCode): void {
    this.counters.errors++;
    if (this.#handler.onError === undefined) return;
    this.#mailbox.fail(systemError(code, 'recvmsg', { address: this.remoteAddress?.toString() }));
  }

  /** Hands the owner what has come. For the stack, at a batch's end. What a callback throws passes through. */
  deliver(): void {
    this.#mailbox.deliver();
  }

  /** The owner learns that the stack has closed the socket, with an error where it was destroyed. For the stack. */
  tellClosed(error?: SystemError): void {
    this.#handler.onClose?.(this, error);
  }

  /** There is room in an interface's queue again. For the stack. */
  writable(): void {
    this.#mailbox.writable();
  }

  #changeGroup(change: 'join' | 'leave', group: Address | string, own: Address | string | undefined): void {
    const address = toAddress(group);
    const place = { address: address.toString() };
    if (this.closed) throw systemError('EBADF', change, { ...place, hint: 'the socket is closed' });
    if (!isMulticast(address) || address.family !== this.family) {
      throw systemError('EINVAL', change, { ...place, hint: `it is no multicast group of IPv${this.family}` });
    }
    const index = this.#host.groupInterface(address, own === undefined ? undefined : toAddress(own));
    if (index === undefined) throw systemError('ENODEV', change, place);
    const problem = this.#host.groups[change](this, address, index);
    if (problem !== undefined) throw systemError(problem, change, place);
  }

  #between(local: AddressWords, remote: AddressWords): boolean {
    if (!isUnspecified(this.localAddress) && !sameAddress(this.localAddress, local)) return false;
    return this.remoteAddress === undefined || sameAddress(this.remoteAddress, remote);
  }

  #inZone(own: Address | undefined, interfaceIndex: number): boolean {
    return own === undefined || !needsZone(own) || this.#host.zoneOf(own, interfaceIndex) === own.zone;
  }

  /** The filter of types, and over IPv6 the checksum that the socket has asked for (RFC 3542 §3.1). */
  #wants({ memory: { view }, start, length, source, destination, checksum }: Datagram): boolean {
    const { icmpTypes, checksumOffset } = this.#options;
    if (icmpTypes !== undefined && (length === 0 || !icmpTypes.includes(view.getUint8(start)))) return false;
    if (checksumOffset === undefined || checksum !== Checksum.none) return true;
    if (length < checksumOffset + 2) return this.#bad('raw-truncated');
    const sum = transportChecksum(view, start, length, source, destination, this.protocol);
    return sum === 0 || this.#bad('raw-bad-checksum');
  }

  /** What offload had left out, the owner of a copy can't know. */
  #completeChecksum(bytes: Uint8Array, payload: number, { memory, start, length, checksum }: Datagram): void {
    const place = checksum === Checksum.partial ? checksumFieldOf(this.protocol) : undefined;
    if (place === undefined || length < place + 2) return;
    const whole = completedChecksum(memory.view, start, length, this.protocol);
    new DataView(bytes.buffer).setUint16(payload + place, whole);
  }

  #bad(reason: string): false {
    this.#host.counters.add(reason);
    return false;
  }

  #remote(address: Address | string | undefined): Address {
    if (this.remoteAddress === undefined) {
      if (address !== undefined) return this.#reader.read(address);
      throw systemError('EDESTADDRREQ', 'send', { hint: 'give an address, or open the socket with a remoteAddress' });
    }
    if (address === undefined) return this.remoteAddress;
    throw systemError('EISCONN', 'send', { hint: 'a socket with a remoteAddress takes no destination' });
  }

  #sendPayload(bytes: Uint8Array | readonly Uint8Array[], remote: Address, options: RawSendOptions): boolean {
    const own = this.#options;
    const { checksumOffset } = own;
    const path = this.#ways.to(remote, own.broadcast);
    // For a group 0 is this host only (RFC 1112 §6.1); any other packet would be none.
    if (options.ttl === 0 && !isMulticast(path.remote)) checkRawOption('ttl', 0);
    const length = lengthOf(bytes);
    this.#ways.requireFit(path, length, 0, options.dontFragment ?? own.dontFragment);
    if (checksumOffset !== undefined && length < checksumOffset + 2) {
      throw this.#ways.refused('EINVAL', remote, `the checksum at ${checksumOffset} would stand behind the end`);
    }
    const chosen = this.#sendOptions;
    chosen.ttl = options.ttl ?? (isMulticast(path.remote) ? own.multicastTtl : own.ttl);
    chosen.trafficClass = options.trafficClass ?? own.trafficClass;
    if (this.#ways.endsHere(path, chosen.ttl)) return true;
    return sendPayload(path, this.protocol, bytes, length, checksumOffset, chosen);
  }

  /** Of a packet with its own header; the address only says which way it goes (raw(7)). */
  #sendPacket(packet: MadePacket, address: Address | string | undefined): boolean {
    if (!packet.valid) throw systemError('EINVAL', 'send', { hint: 'the bytes must begin with the header of IPv4' });
    const { broadcast, transparent } = this.#options;
    const remote =
      this.remoteAddress === undefined && address === undefined ? packet.destination : this.#remote(address);
    const path = this.#ways.to(remote, broadcast, transparent ? undefined : packet.source);
    const { mtu } = path;
    const { byteLength } = packet.bytes;
    // As Linux: whoever writes the header cuts it up himself.
    if (byteLength > mtu)
      throw this.#ways.refused('EMSGSIZE', remote, `${byteLength} bytes, and the path takes ${mtu}`);
    return packet.send(path, this.#host.random.uint32() & 0xffff);
  }

  #zoneOf(register: AddressRegister, interfaceIndex: number): string | undefined {
    return needsZone(register) ? this.#host.zoneOf(register, interfaceIndex) : undefined;
  }

  #makeMailbox(): Mailbox<RawPacketInfo> {
    const host = this.#host;
    const handler = this.#handler;
    const ways = { touch: () => host.touch(this), keepAlive: (change: 1 | -1) => host.keepAlive(change) };
    return new Mailbox(this.#options.receiveBuffer, host.budget, ways, {
      message: (bytes, info) => handler.onPacket(bytes, info, this),
      error: (error) => handler.onError?.(error, this),
      writable: () => handler.onWritable?.(this),
    });
  }
}

/** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE */
function requireSendOptions(options: RawSendOptions, headerIncluded: boolean): void {
  requireOptions('send', options, SEND_OPTIONS);
  const given = headerIncluded ? SEND_OPTIONS.find((key) => options[key] !== undefined) : undefined;
  if (given !== undefined) {
    throw usageError('ERR_INVALID_ARG_VALUE', `${given}: with headerIncluded the packet's own header says that`);
  }
  // 0 is for groups, and is looked at again.
  if (options.ttl !== undefined) checkRawOption('multicastTtl', options.ttl);
  for (const key of ['trafficClass', 'dontFragment'] as const) {
    if (options[key] !== undefined) checkRawOption(key, options[key]);
  }
}
