import { Stack, cable, impair, tap } from '../../src/index.ts';
import type { Batch, CableOptions, ImpairedLink, Interface, Link, LinkHost, LinkOffload } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { Address } from '../../src/wire/address.ts';
import { ArpOperation, formatArp, parseArp } from '../../src/wire/arp.ts';
import type { ArpMessage } from '../../src/wire/arp.ts';
import { EtherType, formatEthernet, parseEthernet } from '../../src/wire/ethernet.ts';
import type { EthernetFrame } from '../../src/wire/ethernet.ts';
import { BROADCAST_MAC, MacAddress, NO_MAC } from '../../src/wire/mac.ts';
import { RawLink } from './raw-link.ts';

export const ALICE = '10.0.0.1';
export const BOB = '10.0.0.2';
export const ALICE_MAC = '02:00:00:00:00:01';
export const BOB_MAC = '02:00:00:00:00:02';
/** A station that is a test. */
export const EVE = '10.0.0.66';
export const EVE_MAC = '02:00:00:00:00:66';

/** One line about a frame: of ARP who asks whom, else its type and both ends. */
function describeFrame(bytes: Uint8Array): string {
  const frame = parseEthernet(bytes);
  if (typeof frame === 'string') return frame;
  const { source, destination, tags, type, payload } = frame;
  const vlan = tags.map(({ id }) => ` vlan ${id}`).join('');
  const to = destination.equals(BROADCAST_MAC) ? 'all' : destination.toString();
  if (type !== EtherType.ARP) return `${source} > ${to}${vlan} 0x${type.toString(16).padStart(4, '0')}`;
  const message = parseArp(payload);
  if (typeof message === 'string') return message;
  const { operation, senderMac, senderAddress, targetAddress } = message;
  if (operation === ArpOperation.REPLY) return `arp ${senderAddress} is at ${senderMac} > ${to}${vlan}`;
  return `arp who has ${targetAddress} tell ${senderAddress} > ${to}${vlan}`;
}

/** A link whose plug can be pulled. */
export class Plug implements Link {
  readonly medium: 'ip' | 'ethernet';
  readonly address: Uint8Array;
  readonly mtu: number;
  readonly offload: LinkOffload;
  plugged: boolean = true;
  readonly #inner: Link;
  #host: LinkHost | undefined;

  constructor(inner: Link) {
    this.#inner = inner;
    this.medium = inner.medium;
    this.address = inner.address!;
    this.mtu = inner.mtu;
    this.offload = inner.offload;
  }

  get up(): boolean {
    return this.plugged && this.#inner.up;
  }

  plug(plugged: boolean): void {
    this.plugged = plugged;
    this.#host?.changed();
  }

  open(host: LinkHost): void | Promise<void> {
    this.#host = host;
    return this.#inner.open({
      clock: host.clock,
      random: host.random,
      receive: (batch) => {
        if (this.plugged) host.receive(batch);
      },
      writable: () => host.writable(),
      changed: () => host.changed(),
      closed: (error) => host.closed(error),
    });
  }

  send(batch: Batch): number {
    return this.plugged ? this.#inner.send(batch) : batch.count;
  }

  close(): void | Promise<void> {
    return this.#inner.close();
  }
}

/** Two stacks on an Ethernet cable in virtual time, and what they have sent, with the time in seconds in front. */
export class EthernetPair {
  readonly clock: VirtualClock = new VirtualClock();
  readonly alice: Stack = new Stack({ clock: this.clock, random: seededRandom(1) });
  readonly bob: Stack = new Stack({ clock: this.clock, random: seededRandom(2) });
  readonly a: Interface;
  readonly b: Interface;
  /** Alice's end can be pulled out, Bob's be made to lose all. */
  readonly plug: Plug;
  readonly line: ImpairedLink | undefined;
  frames: string[] = [];

  constructor(options: CableOptions = {}) {
    const [a, b] = cable({ medium: 'ethernet', ...options });
    this.plug = new Plug(a);
    // Which would take the offload away.
    this.line = options.offload === true ? undefined : impair(b, { seed: 1 });
    const onSend = (batch: Batch, count: number): void => {
      for (let row = 0; row < count; row++) this.frames.push(`${this.seconds} ${describeFrame(batch.packet(row))}`);
    };
    // Nothing is sent that the test has not asked for.
    const quiet = { name: 'eth0', autoconfiguration: false };
    this.a = this.alice.attach(tap(this.plug, { onSend }), { ...quiet, addresses: [`${ALICE}/24`] });
    this.b = this.bob.attach(tap(this.line ?? b, { onSend }), { ...quiet, addresses: [`${BOB}/24`] });
  }

  get seconds(): number {
    return this.clock.now() / 1e6;
  }

  /** The announcements of the beginning are over. */
  settle(): void {
    this.clock.advance(5e6);
    this.frames = [];
  }

  /** The ARP messages among the frames. */
  get arp(): string[] {
    return this.frames.filter((line) => line.includes(' arp '));
  }

  async end(): Promise<void> {
    const ends = [this.alice.destroy(), this.bob.destroy()];
    this.clock.advance(0);
    await Promise.all(ends);
  }
}

/** A link on Ethernet whose other side is the test. */
export class RawEthernet extends RawLink {
  override readonly medium: 'ip' | 'ethernet' = 'ethernet';
  readonly address: Uint8Array = MacAddress.parse(ALICE_MAC).bytes();

  /** A frame arrives from Eve for Alice. */
  injectFrame(changes: Partial<EthernetFrame>): void {
    this.inject(frameFor(changes));
  }

  /** An ARP message arrives: from Eve, for all. */
  injectArp(changes: Partial<ArpMessage>, frame: Partial<EthernetFrame> = {}): void {
    const payload = formatArp(arpMessage(changes));
    this.injectFrame({ type: EtherType.ARP, destination: BROADCAST_MAC, payload, ...frame });
  }

  /** One line for each frame sent since the last call. */
  lines(): string[] {
    return this.take().map(describeFrame);
  }
}

/** A frame from Eve to Alice. */
export function frameFor(changes: Partial<EthernetFrame>): Uint8Array {
  return formatEthernet({
    destination: MacAddress.parse(ALICE_MAC),
    source: MacAddress.parse(EVE_MAC),
    tags: [],
    type: EtherType.IPV4,
    payload: new Uint8Array(0),
    ...changes,
  });
}

/** Eve asks for Alice. */
export function arpMessage(changes: Partial<ArpMessage> = {}): ArpMessage {
  return {
    operation: ArpOperation.REQUEST,
    senderMac: MacAddress.parse(EVE_MAC),
    senderAddress: Address.parse(EVE),
    targetMac: NO_MAC,
    targetAddress: Address.parse(ALICE),
    ...changes,
  };
}

/** Alice, alone on a link that is the test. */
export class LoneStation {
  readonly clock: VirtualClock = new VirtualClock();
  readonly link: RawEthernet = new RawEthernet();
  readonly stack: Stack = new Stack({ clock: this.clock, random: seededRandom(1) });
  readonly iface: Interface;

  constructor(options: Parameters<Stack['attach']>[1] = {}) {
    const quiet = { name: 'eth0', autoconfiguration: false };
    this.iface = this.stack.attach(this.link, { ...quiet, addresses: [`${ALICE}/24`], ...options });
    this.clock.advance(0);
  }

  /** The announcements of the beginning are over. */
  settle(): void {
    this.clock.advance(5e6);
    this.link.take();
  }

  drops(): Record<string, number> {
    return this.stack.statistics().drops;
  }

  neighbours(): string[] {
    return this.iface.neighbours.list().map(({ address, mac, state }) => `${address} ${mac} ${state}`);
  }

  async end(): Promise<void> {
    const ended = this.stack.destroy();
    this.clock.advance(0);
    await ended;
  }
}
