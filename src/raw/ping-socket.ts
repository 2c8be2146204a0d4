import { AddressKeeper } from '../buffer/address-memo.ts';
import { copyBytes, copyPieces, lengthOf } from '../buffer/copy.ts';
import type { Datagram } from '../buffer/datagram.ts';
import type { IcmpError } from '../buffer/icmp-error.ts';
import { Mailbox } from '../buffer/mailbox.ts';
import type { Path, SendOptions } from '../buffer/path.ts';
import { requireBytes, systemError } from '../errors.ts';
import type { SystemError } from '../errors.ts';
import { isMulticast, needsZone, sameAddress } from '../wire/address.ts';
import type { Address, AddressRegister, AddressWords } from '../wire/address.ts';
import {
  ICMP_HEADER_LENGTH,
  icmpSequence,
  IcmpType,
  icmpType,
  IcmpUnreachable,
  writeIcmpChecksum,
  writeIcmpHeader,
} from '../wire/icmp.ts';
import { Icmpv6Type, Icmpv6Unreachable, writeIcmpv6Checksum } from '../wire/icmpv6.ts';
import { Protocol } from '../wire/protocol.ts';
import type { RawHost } from './host.ts';
import type { PingError, PingHandler, PingReplyInfo } from './ping-handler.ts';
import { Ways } from './ways.ts';

/** Requests that may wait for an answer; the oldest is given up for the next. */
const MAX_OUTSTANDING = 1024;

/** What a socket is made of; the stack has checked addresses, device and options. */
export interface PingSocketInit {
  host: RawHost;
  /** 0 to 65,535, of this socket alone. */
  identifier: number;
  /** One of the stack's addresses; 0.0.0.0 or :: leaves it to the route. */
  localAddress: Address;
  remoteAddress: Address;
  deviceIndex: number | undefined;
  options: PingSocketOptions;
  handler: PingHandler;
}

/** How requests are sent, and how many bytes of answers may wait. */
export interface PingSocketOptions {
  ttl: number;
  trafficClass: number;
  broadcast: boolean;
  /** What is longer than the path's MTU fails with EMSGSIZE. */
  dontFragment: boolean;
  receiveBuffer: number;
}

/** Messages counted by a socket. */
export interface PingSocketCounters {
  sent: number;
  /** Requests answered, and answers that came more than once. */
  received: number;
  duplicates: number;
  /** Answers to what this socket did not ask, or does not wait for any more. */
  late: number;
  /** Arrived when the receive buffer was full. */
  dropped: number;
  /** ICMP errors that were about this socket's requests. */
  errors: number;
}

/** A request that waits. */
interface Outstanding {
  readonly sentAt: number;
  answered: boolean;
  /** The address that the answer goes to. */
  readonly source: Address;
}

const NO_DATA = new Uint8Array(0);

/** What the host itself says of a request that can't be answered: the same as where a neighbour does not answer. */
const UNREACHABLE = {
  4: { icmpType: IcmpType.DESTINATION_UNREACHABLE, icmpCode: IcmpUnreachable.HOST },
  6: { icmpType: Icmpv6Type.DESTINATION_UNREACHABLE, icmpCode: Icmpv6Unreachable.ADDRESS },
} as const;

/**
 * A ping socket: it sends ICMP or ICMPv6 echo requests to one address, and hears of the answers to them and of errors about
 * them, of no others (Linux: icmp(7), net.ipv4.ping_group_range). Made by `stack.raw.openPing`; `stack.ping` is the short way.
 */
export class PingSocket {
  readonly counters: PingSocketCounters = { sent: 0, received: 0, duplicates: 0, late: 0, dropped: 0, errors: 0 };
  /** What tells this socket's messages from others': unpredictable. */
  readonly identifier: number;
  readonly remoteAddress: Address;
  /** Index of the interface that it is bound to. */
  readonly deviceIndex: number | undefined;
  readonly #host: RawHost;
  readonly #handler: PingHandler;
  readonly #options: PingSocketOptions;
  readonly #ways: Ways;
  readonly #mailbox: Mailbox<PingReplyInfo | PingError>;
  readonly #sendOptions: SendOptions = { ttl: 64, trafficClass: 0 };
  /** Any host may answer. */
  readonly #group: boolean;
  readonly #source: AddressKeeper = new AddressKeeper();
  readonly #destination: AddressKeeper = new AddressKeeper();
  /** By sequence number, oldest first. */
  readonly #outstanding = new Map<number, Outstanding>();
  #sequence: number = 0;
  #localAddress: Address;
  /** The interface that the last request left by. */
  #interfaceIndex: number;

  /** @throws `ENETUNREACH`, `EADDRNOTAVAIL`, `ENETDOWN`, `EACCES`, … when there is no way to the remote address */
  constructor(init: PingSocketInit) {
    this.#host = init.host;
    this.#handler = init.handler;
    this.#options = init.options;
    this.identifier = init.identifier;
    this.deviceIndex = init.deviceIndex;
    this.#ways = new Ways({ ...init, syscall: 'ping' });
    const path = this.#ways.to(init.remoteAddress, init.options.broadcast);
    this.remoteAddress = path.remote;
    this.#localAddress = path.local;
    this.#interfaceIndex = path.interfaceIndex;
    const kind = init.host.classify(this.remoteAddress);
    this.#group = kind === 'broadcast' || kind === 'multicast';
    this.#mailbox = this.#makeMailbox();
  }

  /** The address that requests are sent from. */
  get localAddress(): Address {
    return this.#localAddress;
  }

  get family(): 4 | 6 {
    return this.remoteAddress.family;
  }

  get closed(): boolean {
    return this.#mailbox.closed;
  }

  /** Something waits for `deliver`. For the stack. */
  get due(): boolean {
    return this.#mailbox.due;
  }

  /**
   * Sends an echo request: the data is copied, the caller may reuse it at once.
   *
   * @returns its number, from 1 to 65,535 and then from 0 on; undefined when the interface's queue is full: nothing was sent
   * then, and `onWritable` tells when to try again
   * @throws `EMSGSIZE` (more than 65,507 bytes over IPv4, 65,527 over IPv6, with `dontFragment` than the path takes), `ENETUNREACH`, `EADDRNOTAVAIL`, `ENETDOWN` (no way there at present),
   * `EBADF` (closed); `ERR_INVALID_ARG_TYPE`
   */
  send(data: Uint8Array | readonly Uint8Array[]): number | undefined {
    requireBytes('data', data);
    if (this.closed) throw systemError('EBADF', 'ping', { hint: 'the socket is closed' });
    const path = this.#ways.to(this.remoteAddress, this.#options.broadcast);
    this.#localAddress = path.local;
    this.#interfaceIndex = path.interfaceIndex;
    const length = ICMP_HEADER_LENGTH + lengthOf(data);
    this.#ways.requireFit(path, length, ICMP_HEADER_LENGTH, this.#options.dontFragment);
    const sequence = (this.#sequence + 1) & 0xffff;
    const options = this.#sendOptions;
    options.ttl = this.#options.ttl;
    options.trafficClass = this.#options.trafficClass;
    if (!this.#ways.endsHere(path, options.ttl) && !this.#emit(path, sequence, data, length)) {
      this.#host.blocked(this);
      return undefined;
    }
    this.#sequence = sequence;
    this.#expect(sequence, path.local);
    this.counters.sent++;
    return sequence;
  }

  /** An answer to this request is of no interest any more: it is counted as late. */
  forget(sequence: number): void {
    this.#outstanding.delete(sequence);
  }

  /** Ends the socket: no callback comes any more, answers are no longer heard. Idempotent. */
  close(): void {
    if (!this.#mailbox.close()) return;
    this.#outstanding.clear();
    this.#host.closed(this);
  }

  /** The open socket keeps the process alive (the default). */
  ref(): void {
    this.#mailbox.ref();
  }

  unref(): void {
    this.#mailbox.unref();
  }

  /** Takes an echo reply with this socket's identifier. For `Pings`. @returns whether it answers a request */
  replied(datagram: Datagram): boolean {
    const { memory, start, packetEnd, source, destination, now, interfaceIndex } = datagram;
    const sequence = icmpSequence(memory.view, start);
    const request = this.#outstanding.get(sequence);
    if (request === undefined || !this.#isFrom(source, interfaceIndex)) {
      this.counters.late++;
      return false;
    }
    const size = packetEnd - start - ICMP_HEADER_LENGTH;
    if (!this.#mailbox.reserve(size)) {
      this.counters.dropped++;
      this.#host.counters.add('ping-receive-buffer-full');
      return true;
    }
    const data = new Uint8Array(size);
    copyBytes(data, 0, memory.bytes, start + ICMP_HEADER_LENGTH, size);
    const duplicate = request.answered;
    request.answered = true;
    if (duplicate) this.counters.duplicates++;
    else this.counters.received++;
    this.#mailbox.push(data, {
      remoteAddress: this.#source.keep(source, this.#zoneOf(source, interfaceIndex)),
      localAddress: this.#destination.keep(destination, this.#zoneOf(destination, interfaceIndex)),
      sequence,
      size,
      ttl: datagram.ttl,
      trafficClass: datagram.trafficClass,
      time: (now - request.sentAt) / 1000,
      duplicate,
    });
    return true;
  }

  /** Takes an ICMP error that quotes a message with this socket's identifier. For `Pings`. */
  failed(error: IcmpError): boolean {
    const { view } = error.memory;
    if (icmpType(view, error.start) !== this.#requestType) return false;
    const sequence = icmpSequence(view, error.start);
    const request = this.#outstanding.get(sequence);
    // [RFC 5927 §4] The quotation is to be one of what was sent and waits.
    if (request === undefined || request.answered || !sameAddress(error.destination, this.remoteAddress)) return false;
    this.counters.errors++;
    if (!this.#mailbox.reserve(0)) {
      this.#host.counters.add('ping-receive-buffer-full');
      return true;
    }
    this.#followMtu(error);
    const { code, type, icmpCode, mtu, now, reporter: register, interfaceIndex } = error;
    const told = systemError(code, 'ping', { address: this.remoteAddress.toString() });
    const timeExceeded = type === (this.family === 4 ? IcmpType.TIME_EXCEEDED : Icmpv6Type.TIME_EXCEEDED);
    const reporter = register.toAddress(this.#zoneOf(register, interfaceIndex));
    const time = (now - request.sentAt) / 1000;
    const info = Object.assign(told, { sequence, reporter, icmpType: type, icmpCode, timeExceeded, mtu, time });
    this.#mailbox.push(NO_DATA, info);
    return true;
  }

  /**
   * An address or an interface goes away: requests whose answers could come no other way fail now. The next may leave by another
   * where the socket is not bound. For the stack.
   *
   * @param lossOf what is told of a request from this address; undefined: it can still be answered
   */
  lose(lossOf: (source: Address) => SystemError | undefined): void {
    for (const [sequence, { answered, source, sentAt }] of this.#outstanding) {
      const told = answered ? undefined : lossOf(source);
      if (told === undefined) continue;
      this.#outstanding.delete(sequence);
      this.counters.errors++;
      if (!this.#mailbox.reserve(0)) {
        this.#host.counters.add('ping-receive-buffer-full');
        continue;
      }
      const time = (this.#host.now() - sentAt) / 1000;
      const info = { ...UNREACHABLE[this.family], sequence, reporter: source, timeExceeded: false, mtu: 0, time };
      this.#mailbox.push(NO_DATA, Object.assign(told, info));
    }
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

  get #requestType(): number {
    return this.family === 4 ? IcmpType.ECHO_REQUEST : Icmpv6Type.ECHO_REQUEST;
  }

  /** [S-052] [S-053] What follows is sent in fragments that fit. */
  #followMtu({ mtu, quotedLength }: IcmpError): void {
    if (mtu === 0 || mtu >= quotedLength) return;
    const path = this.#host.path(this.#localAddress, this.remoteAddress);
    if (typeof path !== 'string') path.limitMtu(mtu);
  }

  /** A host answers from the address that was asked (RFC 1122 §3.2.2.6, RFC 4443 §4.2), of a group each from its own. */
  #isFrom(source: AddressWords, interfaceIndex: number): boolean {
    // RFC 4007 §6: the same link-local address on another link is another host.
    if (needsZone(source) && interfaceIndex !== this.#interfaceIndex) return false;
    return this.#group || sameAddress(source, this.remoteAddress);
  }

  /** [S-018] RFC 792, RFC 4443 §4.1 */
  #emit(path: Path, sequence: number, data: Uint8Array | readonly Uint8Array[], length: number): boolean {
    const packet = path.reserveMessage(length, 0);
    if (packet === undefined) return false;
    const { memory, start } = packet;
    const { view } = memory;
    writeIcmpHeader(view, start, this.#requestType, 0, (this.identifier << 16) | sequence);
    copyPieces(memory.bytes, start + ICMP_HEADER_LENGTH, data);
    if (this.family === 4) writeIcmpChecksum(view, start, length);
    else writeIcmpv6Checksum(view, start, length, path.local, path.remote);
    path.send(packet, this.family === 4 ? Protocol.ICMP : Protocol.ICMPV6, this.#sendOptions);
    return true;
  }

  #expect(sequence: number, source: Address): void {
    this.#outstanding.delete(sequence);
    this.#outstanding.set(sequence, { sentAt: this.#host.now(), answered: false, source });
    if (this.#outstanding.size <= MAX_OUTSTANDING) return;
    for (const oldest of this.#outstanding.keys()) {
      this.#outstanding.delete(oldest);
      return;
    }
  }

  #zoneOf(register: AddressRegister, interfaceIndex: number): string | undefined {
    return needsZone(register) ? this.#host.zoneOf(register, interfaceIndex) : undefined;
  }

  #makeMailbox(): Mailbox<PingReplyInfo | PingError> {
    const host = this.#host;
    const handler = this.#handler;
    const ways = { touch: () => host.touch(this), keepAlive: (change: 1 | -1) => host.keepAlive(change) };
    return new Mailbox(this.#options.receiveBuffer, host.budget, ways, {
      message: (data, info) => {
        if (info instanceof Error) handler.onError?.(info, this);
        else handler.onReply(data, info, this);
      },
      error: () => {},
      writable: () => handler.onWritable?.(this),
    });
  }
}

/** What a ping socket sends to groups with unless it is told: this network only, as Linux (RFC 1112 §6.1). */
export function defaultPingTtl(remoteAddress: AddressWords): number {
  return isMulticast(remoteAddress) ? 1 : 64;
}
