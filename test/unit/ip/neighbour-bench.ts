import { Counters } from '../../../src/buffer/counters.ts';
import { MemoryBudget } from '../../../src/buffer/memory-budget.ts';
import { memoryOf } from '../../../src/buffer/memory.ts';
import { Packet } from '../../../src/buffer/packet.ts';
import { NeighbourCache } from '../../../src/ip/neighbour-cache.ts';
import { waitingShare } from '../../../src/ip/neighbour-waiting.ts';
import type { NeighbourNews, NeighbourProtocol } from '../../../src/ip/neighbour-cache.ts';
import type { NeighbourState } from '../../../src/ip/neighbour.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';
import { TimerWheel } from '../../../src/time/timer-wheel.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import type { AddressWords } from '../../../src/wire/address.ts';
import { Address } from '../../../src/wire/address.ts';
import { MacAddress } from '../../../src/wire/mac.ts';

export const SECOND = 1_000_000;
export const SELF: Address = Address.parse('10.0.0.2');
export const MAC: MacAddress = MacAddress.parse('02:00:00:00:00:01');
export const OTHER_MAC: MacAddress = MacAddress.parse('02:00:00:00:00:99');

/** What an answer to a question of ours says. */
const ANSWER: NeighbourNews = { mac: MAC, solicited: true, override: true, create: false };

/** A cache alone, in virtual time, that writes down what it does. */
export class NeighbourBench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly counters: Counters = new Counters();
  readonly budget: MemoryBudget;
  readonly timers: TimerWheel = new TimerWheel(this.clock);
  readonly cache: NeighbourCache;
  /** `time in seconds, target, to whom, for whom` of each question. */
  questions: string[] = [];
  /** `first byte > hardware address` of each packet that had waited. */
  sent: string[] = [];
  /** First byte of each packet that waited in vain. */
  unreachable: number[] = [];
  changes: string[] = [];

  constructor(seed: number = 1, limit?: number) {
    this.budget = new MemoryBudget(limit);
    const solicit: NeighbourProtocol['solicit'] = (target, source, unicastTo) => {
      const whom = unicastTo === undefined ? 'all' : MacAddress.fromWords(unicastTo);
      const time = this.clock.now() / SECOND;
      this.questions.push(`${time} ${textOf(target)} ${whom} for ${source && textOf(source)}`);
    };
    this.cache = new NeighbourCache({
      clock: this.clock,
      random: seededRandom(seed),
      timers: this.timers,
      counters: this.counters,
      budget: this.budget,
      waitingShare: waitingShare(this.budget),
      protocols: { 4: { solicit }, 6: { solicit } },
      send: ({ memory }, { mac, usable }) => {
        if (!usable) throw new Error('sent to a neighbour that cannot be used');
        this.sent.push(`${memory.bytes[0]} > ${mac}`);
      },
      unreachable: ({ memory }) => void this.unreachable.push(memory.bytes[0]!),
      changed: ({ address, state, isRouter }, from) =>
        void this.changes.push(`${address} ${from}>${state}${isRouter ? ' router' : ''}`),
    });
  }

  /** A packet is sent as an interface does: to whom it went, or `waits`. */
  transmit(target: string, first: number = 1, length: number = 100, source: Address = SELF): string {
    const words = Address.parse(target);
    const neighbour = this.cache.resolve(words);
    if (neighbour !== undefined) return neighbour.mac.toString();
    this.cache.wait(words, packetOf(first, length), source);
    return 'waits';
  }

  learn(address: string, news: Partial<NeighbourNews> = {}): void {
    this.cache.learn(Address.parse(address), { ...ANSWER, ...news });
  }

  state(address: string): NeighbourState | undefined {
    return this.cache.find(Address.parse(address))?.state;
  }

  /** Makes a neighbour REACHABLE. */
  meet(address: string): void {
    this.transmit(address);
    this.learn(address);
    this.questions = [];
    this.sent = [];
    this.changes = [];
  }

  advance(seconds: number): void {
    this.clock.advance(Math.round(seconds * SECOND));
  }
}

function textOf(words: AddressWords): string {
  return Address.fromWords(words).toString();
}

/** A packet amid other memory, whose first byte tells it apart. */
export function packetOf(first: number, length: number = 100): Packet {
  const bytes = new Uint8Array(length + 40).fill(0xee);
  const packet = new Packet(memoryOf(bytes));
  packet.start = 24;
  packet.end = 24 + length;
  bytes[24] = first;
  return packet;
}
