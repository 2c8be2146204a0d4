import type { ChecksumMark } from '../../../src/buffer/batch.ts';
import { Checksum } from '../../../src/buffer/batch.ts';
import { Counters } from '../../../src/buffer/counters.ts';
import type { Datagram } from '../../../src/buffer/datagram.ts';
import { MemoryBudget } from '../../../src/buffer/memory-budget.ts';
import type { IcmpError } from '../../../src/buffer/icmp-error.ts';
import { allocateMemory } from '../../../src/buffer/memory.ts';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import type { AddressConflict } from '../../../src/ip/arp-conflicts.ts';
import type { IpHost } from '../../../src/ip/host.ts';
import type { InterfaceOptions, NetworkInterface } from '../../../src/ip/interface.ts';
import { Ip } from '../../../src/ip/ip.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';
import { TimerWheel } from '../../../src/time/timer-wheel.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { Address } from '../../../src/wire/address.ts';
import type { IcmpMessage } from '../../../src/wire/icmp.ts';
import type { Ipv4Packet } from '../../../src/wire/ipv4.ts';
import type { PacketValue } from '../../../src/wire/packet.ts';
import { formatPacket, parsePacket } from '../../../src/wire/packet.ts';
import { Protocol } from '../../../src/wire/protocol.ts';
import type { UdpDatagram } from '../../../src/wire/udp.ts';

/** This stack's address on eth0, a neighbour, a host behind the gateway. */
export const LOCAL = '10.0.0.2';
export const PEER = '10.0.0.1';
export const FAR = '192.0.2.33';

export const NOTHING: Uint8Array = new Uint8Array(0);

export function address(text: string): Address {
  return Address.parse(text);
}

/** What was told of a datagram at the moment it was delivered. */
export interface Delivered {
  source: string;
  destination: string;
  protocol: number;
  ttl: number;
  trafficClass: number;
  group: boolean;
  interfaceIndex: number;
  now: number;
  options: Uint8Array;
  payload: Uint8Array;
}

/** What was told of an ICMP error. */
export interface Reported {
  code: string;
  hard: boolean;
  type: number;
  icmpCode: number;
  mtu: number;
  protocol: number;
  source: string;
  destination: string;
  reporter: string;
  quotedLength: number;
  quote: Uint8Array;
}

/** An IP layer with `lo` and `eth0` (10.0.0.2/24), default route via 10.0.0.1, and a host that writes all down. */
export class IpBench implements IpHost {
  readonly clock: VirtualClock = new VirtualClock();
  readonly counters: Counters = new Counters();
  readonly budget: MemoryBudget = new MemoryBudget();
  readonly ip: Ip;
  readonly lo: NetworkInterface;
  readonly eth0: NetworkInterface;
  readonly delivered: Delivered[] = [];
  readonly reported: Reported[] = [];
  readonly transmittedOn: string[] = [];
  readonly drained: Uint8Array[] = [];
  readonly lost: string[] = [];
  /** `interface address hardware-address kept|lost`. */
  readonly conflicts: string[] = [];
  readonly tentativeChanges: string[] = [];
  /** Protocols that `deliver` takes. */
  protocols: number[] = [Protocol.TCP, Protocol.UDP];
  /** Protocols that some raw socket has. */
  rawProtocols: number[] = [];
  /** Looks at the datagram itself during delivery. */
  onDatagram: ((datagram: Datagram) => void) | undefined;

  constructor(eth0: Partial<InterfaceOptions> = {}) {
    this.ip = new Ip({
      clock: this.clock,
      random: seededRandom(1),
      counters: this.counters,
      budget: this.budget,
      host: this,
      timers: new TimerWheel(this.clock),
    });
    this.lo = this.ip.addInterface({
      name: 'lo',
      queue: new TransmitQueue(),
      mtu: 65_535,
      loopback: true,
      offload: { checksum: true, tso: 65_535, uso: 65_535 },
      addresses: ['127.0.0.1/8', '::1/128'],
    });
    this.eth0 = this.ip.addInterface({ name: 'eth0', queue: new TransmitQueue(), addresses: [`${LOCAL}/24`], ...eth0 });
    this.ip.routes.add('0.0.0.0/0', { via: PEER });
  }

  deliver(datagram: Datagram): boolean {
    this.onDatagram?.(datagram);
    if (!this.protocols.includes(datagram.protocol)) return false;
    const { bytes } = datagram.memory;
    this.delivered.push({
      source: datagram.source.toString(),
      destination: datagram.destination.toString(),
      protocol: datagram.protocol,
      ttl: datagram.ttl,
      trafficClass: datagram.trafficClass,
      group: datagram.group,
      interfaceIndex: datagram.interfaceIndex,
      now: datagram.now,
      options: bytes.slice(datagram.packetStart + 20, datagram.start),
      payload: bytes.slice(datagram.start, datagram.packetEnd),
    });
    return true;
  }

  deliverRaw({ protocol }: Datagram): boolean {
    return this.rawProtocols.includes(protocol);
  }

  echoReply(): boolean {
    return false;
  }

  icmpError(error: IcmpError): void {
    this.reported.push({
      code: error.code,
      hard: error.hard,
      type: error.type,
      icmpCode: error.icmpCode,
      mtu: error.mtu,
      protocol: error.protocol,
      source: error.source.toString(),
      destination: error.destination.toString(),
      reporter: error.reporter.toString(),
      quotedLength: error.quotedLength,
      quote: error.memory.bytes.slice(error.start, error.start + error.length),
    });
  }

  addressConflict(iface: NetworkInterface, conflict: AddressConflict): void {
    this.conflicts.push(`${iface.name} ${conflict.address} ${conflict.mac} ${conflict.kept ? 'kept' : 'lost'}`);
  }

  tentativeChanged(iface: NetworkInterface): void {
    this.tentativeChanges.push(iface.name);
  }

  addressChanged(): void {}

  dnsChanged(): void {}

  transmitted(iface: NetworkInterface): void {
    this.transmittedOn.push(iface.name);
  }

  losesAddress(lost: Address): void {
    this.lost.push(lost.toString());
  }

  routesChanged(): void {}

  /** The link, which takes what it gets when it is offered: `drained` has it. */
  drain(iface: NetworkInterface): void {
    this.drained.push(...this.sent(iface));
  }

  /** Lets bytes arrive, at an odd offset in a larger memory as batches have it. */
  arrive(
    bytes: Uint8Array,
    iface: NetworkInterface = this.eth0,
    mark: ChecksumMark = Checksum.none,
    segment = 0,
  ): void {
    const memory = allocateMemory(bytes.byteLength + 64);
    memory.bytes.fill(0xa5);
    memory.bytes.set(bytes, 37);
    this.ip.input(iface, memory, 37, bytes.byteLength, mark, segment, false, this.clock.now());
  }

  /** Takes all packets out of an interface's queue, as a link would. */
  sent(iface: NetworkInterface = this.eth0): Uint8Array[] {
    const packets = [...iface.queue.batch].map((bytes) => bytes.slice());
    iface.queue.taken(packets.length);
    return packets;
  }

  /** The same, read. */
  sentPackets(iface: NetworkInterface = this.eth0): PacketValue[] {
    return this.sent(iface).map(parsed);
  }
}

/** Reads a packet that must be sound. */
function parsed(bytes: Uint8Array): PacketValue {
  const packet = parsePacket(bytes);
  if (typeof packet === 'string') throw new Error(`not a packet: ${packet}`);
  return packet;
}

/** An IPv4 packet from the peer to this stack, changed as told. */
export function ipv4(changes: Omit<Partial<Ipv4Packet>, 'source' | 'destination'> & Ends = {}): Ipv4Packet {
  const { source = PEER, destination = LOCAL, ...rest } = changes;
  return {
    trafficClass: 0,
    identification: 0x1234,
    reservedFlag: false,
    dontFragment: false,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 64,
    protocol: Protocol.UDP,
    options: NOTHING,
    payload: NOTHING,
    ...rest,
    source: address(source),
    destination: address(destination),
  };
}

export interface Ends {
  source?: string;
  destination?: string;
}

export function udpPacket(udp: Partial<UdpDatagram> = {}, ip: Parameters<typeof ipv4>[0] = {}): Uint8Array {
  const datagram = { sourcePort: 4000, destinationPort: 7, payload: NOTHING, ...udp };
  return formatPacket({ ip: ipv4(ip), udp: datagram });
}

export function icmpPacket(icmp: Partial<IcmpMessage>, ip: Parameters<typeof ipv4>[0] = {}): Uint8Array {
  const message = { type: 8, code: 0, rest: 0, payload: NOTHING, ...icmp };
  return formatPacket({ ip: ipv4({ protocol: Protocol.ICMP, ...ip }), icmp: message });
}

/** Bytes that differ from their neighbours. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >>> 8)) & 255);
}
