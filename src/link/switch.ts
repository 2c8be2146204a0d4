import type { Batch } from '../buffer/batch.ts';
import type { Memory } from '../buffer/memory.ts';
import { requireInteger, requireMethods, requireOptions, requireType, usageError } from '../errors.ts';
import type { Clock, Random } from '../time/clock.ts';
import { hostClock, hostRandom } from '../time/host.ts';
import { cardAddress } from './carrier-options.ts';
import { checkLimits } from './lane.ts';
import type { LaneLimits, MemoryLink } from './lane.ts';
import type { Link, LinkHost } from './link.ts';
import { requireLink } from './link.ts';
import { MacTable } from './mac-table.ts';
import type { MacTableEntry } from './mac-table.ts';
import type { SwitchCore, SwitchDrop, SwitchPort, SwitchPortCounters } from './switch-port.ts';
import { LinkPort, StationPort } from './switch-port.ts';

export interface EthernetSwitchOptions extends LaneLimits {
  /** Ports for stations in this program. Default 0; `addPort` makes more. */
  ports?: number;
  /** Largest IP packet, 68 to 65,535 bytes. Default 1500. */
  mtu?: number;
  /** Hardware address of the first port's station; each further one has the next. Default `02:00:5e:10:00:01`. */
  address?: string | Uint8Array;
  /** Milliseconds after which an address that was silent is forgotten. Default 300,000: IEEE 802.1D's five minutes. */
  ageing?: number;
  /** Addresses that are remembered, 8 to 1,048,576, rounded up to a power of two. Default 4096. */
  tableSize?: number;
  /** What the ageing goes by. Default: the clock of the first port that is opened, else the host's. */
  clock?: Clock;
}

/** What an Ethernet switch has done so far. */
export interface SwitchStatistics {
  /** Frames that left by the port where their address is, and by all ports, since it is unknown or a group's. */
  readonly forwarded: number;
  readonly flooded: number;
  /** Frames that came from where they were to go. */
  readonly filtered: number;
  /** Addresses that were learnt, that moved to another port, and that made room for others before they were old. */
  readonly learned: number;
  readonly moved: number;
  readonly evicted: number;
  readonly ports: readonly SwitchPortCounters[];
}

/** Another link at a port of a switch. */
export interface SwitchUplink {
  /** The port's number, as in `table()`. */
  readonly port: number;
  /** The link is open; rejects with its error, and the port is gone. */
  readonly ready: Promise<void>;
  /** Takes the link from the switch and closes it. Idempotent. */
  disconnect(): Promise<void>;
}

const SWITCH_OPTIONS: readonly string[] = Object.keys({
  ports: true,
  mtu: true,
  address: true,
  ageing: true,
  tableSize: true,
  clock: true,
  queue: true,
  queueBytes: true,
} satisfies Record<keyof EthernetSwitchOptions, true>);

const SHORTEST_MTU = 68;
const LONGEST_MTU = 65_535;
const MOST_PORTS = 4096;
const SOURCE = 6;

/**
 * An Ethernet switch in memory. It learns behind which port an address is from the frames that come from there, passes a
 * frame on to that port alone, and to all others when it does not know or the frame is for a group. Each port is a link for
 * one stack; other links, such as a TAP device or another switch's port, are connected with `connect`. VLAN tags pass as
 * they are. Where a frame can go to one port only that has no room, its sender waits (`send` takes less); otherwise, and
 * in front of connected links, what finds a queue full is dropped and counted. There is no spanning tree: connected in a
 * ring, switches pass a broadcast on for ever.
 *
 * @throws ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 * @example
 * const { ports } = ethernetSwitch({ ports: 3 });
 * stacks.forEach((stack, i) => stack.attach(ports[i], { addresses: [`10.0.0.${i + 1}/24`] }));
 */
export function ethernetSwitch(options: EthernetSwitchOptions = {}): EthernetSwitch {
  requireOptions('ethernetSwitch', options, SWITCH_OPTIONS);
  const { ports = 0, mtu = 1500, ageing = 300_000, tableSize = 4096, clock } = options;
  requireInteger('ports', ports, 0, MOST_PORTS);
  requireInteger('mtu', mtu, SHORTEST_MTU, LONGEST_MTU);
  requireInteger('tableSize', tableSize, 8, 1 << 20);
  requireType('ageing', ageing, 'number');
  if (!(ageing > 0)) throw usageError('ERR_OUT_OF_RANGE', `ageing must be above 0, not ${ageing}`, RangeError);
  if (clock !== undefined) requireMethods('clock', clock, ['now', 'timer', 'defer'], 'a clock');
  return new EthernetSwitch(options);
}

/** A switch; made by `ethernetSwitch`. */
export class EthernetSwitch {
  readonly #mtu: number;
  readonly #limits: Required<LaneLimits>;
  readonly #address: Uint8Array;
  readonly #table: MacTable;
  readonly #core: SwitchCore;
  /** All ports by their numbers. What is gone makes room for the next that comes. */
  readonly #ports: SwitchPort[] = [];
  /** Ports that had no room for the frame at hand. */
  readonly #full: SwitchPort[] = [];
  #clock: Clock | undefined;
  #random: Random | undefined;
  #forwarded: number = 0;
  #flooded: number = 0;
  #filtered: number = 0;

  /** @internal Made by `ethernetSwitch`. */
  constructor(options: EthernetSwitchOptions) {
    const { ports = 0, mtu = 1500, ageing = 300_000, tableSize = 4096 } = options;
    const { address = '02:00:5e:10:00:01', clock } = options;
    this.#mtu = mtu;
    this.#limits = checkLimits(options);
    this.#address = cardAddress('address', address);
    this.#clock = clock;
    this.#table = new MacTable(1 << (32 - Math.clz32(tableSize - 1)), ageing * 1000);
    this.#core = this.#makeCore();
    for (let i = 0; i < ports; i++) this.addPort();
  }

  /** The ports for stations, by their numbers: a new array. */
  get ports(): MemoryLink[] {
    return this.#ports.filter((port) => port instanceof StationPort);
  }

  /** Makes another port for a station. */
  addPort(): MemoryLink {
    const index = this.#freeIndex();
    const port = new StationPort(this.#core, index, this.#nextAddress(), this.#limits);
    this.#ports[index] = port;
    return port;
  }

  /**
   * Puts another Ethernet link behind a port of its own, and opens it.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
   */
  connect(link: Link): SwitchUplink {
    requireLink(link);
    if (link.medium !== 'ethernet') {
      throw usageError('ERR_INVALID_ARG_VALUE', `a switch carries Ethernet frames, the link ${link.medium} packets`);
    }
    const host = { clock: this.#clock ?? hostClock(), random: this.#random ?? hostRandom() };
    const port = new LinkPort(this.#core, this.#freeIndex(), link, host, this.#limits);
    this.#ports[port.index] = port;
    const open = async (): Promise<void> => {
      try {
        await link.open(port);
      } catch (error) {
        port.closed();
        throw error;
      }
    };
    const ready = open();
    // Whoever does not wait for it sees a port that is gone.
    ready.catch(() => {});
    return { port: port.index, ready, disconnect: () => port.disconnect() };
  }

  /** The addresses that it knows now, in their order. */
  table(): MacTableEntry[] {
    return this.#table.entries(this.#core.now());
  }

  /** What it has done so far, in numbers. */
  statistics(): SwitchStatistics {
    const { learned, moved, evicted } = this.#table;
    const ports = this.#ports.map((port) => port.counters());
    const [forwarded, flooded, filtered] = [this.#forwarded, this.#flooded, this.#filtered];
    return { forwarded, flooded, filtered, learned, moved, evicted, ports };
  }

  #makeCore(): SwitchCore {
    return {
      mtu: this.#mtu,
      forward: (from, batch, row, now) => this.#forward(from, batch, row, now),
      roomAgain: () => {
        for (const port of this.#ports) port.retry();
      },
      opened: (host: LinkHost) => {
        this.#clock ??= host.clock;
        this.#random ??= host.random;
      },
      ended: (port) => this.#table.forget(port.index),
      now: () => (this.#clock ?? hostClock()).now(),
    };
  }

  #forward(from: SwitchPort, batch: Batch, row: number, now: number): boolean {
    const memory = batch.memory[row]!;
    const offset = batch.offset[row]!;
    from.received++;
    const reason = refusal(memory, offset);
    if (reason !== undefined) {
      from.dropped.add(reason);
      return true;
    }
    this.#table.learn(memory, offset + SOURCE, from.index, now);
    const known = (memory.bytes[offset]! & 1) === 0 ? this.#table.find(memory, offset, now) : -1;
    const taken = known < 0 ? this.#flood(from, batch, row) : this.#pass(from, known, batch, row);
    // It will be offered again.
    if (!taken) from.received--;
    return taken;
  }

  #pass(from: SwitchPort, known: number, batch: Batch, row: number): boolean {
    const port = this.#ports[known]!;
    if (port === from) {
      this.#filtered++;
      return true;
    }
    if (!port.up) {
      from.dropped.add('down' satisfies SwitchDrop);
      return true;
    }
    if (!port.put(batch, row)) return false;
    this.#forwarded++;
    return true;
  }

  /** To all ports but where it came from. Who has no room misses it, unless nobody has. */
  #flood(from: SwitchPort, batch: Batch, row: number): boolean {
    const full = this.#full;
    let taken = 0;
    for (const port of this.#ports) {
      if (port === from || !port.up) continue;
      if (port.put(batch, row)) taken++;
      else full.push(port);
    }
    const waits = taken === 0 && full.length > 0;
    if (!waits) for (const port of full) port.dropped.add('queue-full' satisfies SwitchDrop);
    full.length = 0;
    if (waits) return false;
    this.#flooded++;
    return true;
  }

  #freeIndex(): number {
    const hole = this.#ports.findIndex((port) => port.gone);
    return hole < 0 ? this.#ports.length : hole;
  }

  #nextAddress(): Uint8Array {
    const address = this.#address.slice();
    // The next one, for the next port: carried over all but the first byte.
    for (let i = 5; i > 0; i--) {
      this.#address[i]!++;
      if (this.#address[i] !== 0) break;
    }
    return address;
  }
}

/** IEEE 802.1D table 7-10: 01:80:c2:00:00:00 to 0f. */
const RESERVED = 0x0180_c200;
const LAST_RESERVED = 0x000f;

/** Why no switch passes a frame on, whatever its ports. */
function refusal({ view }: Memory, offset: number): SwitchDrop | undefined {
  // IEEE 802.3 §3.2.3: a source is one station.
  const high = view.getUint16(offset + SOURCE);
  if ((high & 0x0100) !== 0 || (high === 0 && view.getUint32(offset + SOURCE + 2) === 0)) return 'invalid-source';
  // Spanning tree, pause, LLDP and their like end at the next switch.
  if (view.getUint32(offset) === RESERVED && view.getUint16(offset + 4) <= LAST_RESERVED) return 'reserved';
  return undefined;
}
