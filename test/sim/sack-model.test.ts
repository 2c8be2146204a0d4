import { describe, expect, it } from 'vitest';
import { RangeSet } from '../../src/buffer/range-set.ts';
import type { Established, Heard, SackBlock } from '../../src/sim/index.ts';
import { established } from '../../src/sim/index.ts';
import type { Random } from '../../src/time/clock.ts';
import { chance, seededRandom, uniform } from '../../src/time/seeded-random.ts';

const RUNS = 150;
const STEP = 5000;
/** Steps of time that no transfer takes that does not stall: an hour. */
const LIMIT = 720_000;
const BYTES = 60_000;

/** What a network does to packets of either direction, and a peer to the truth. */
interface Weather {
  loss: number;
  reorder: number;
  duplicate: number;
  /** The peer leaves blocks out, reports what never was, or throws away what it has reported. */
  silent: number;
  lying: number;
  reneging: number;
}

/** What the peer is yet to hear, or the stack. */
interface Travelling<T> {
  at: number;
  what: T;
}

/** A receiver played by hand: it takes what comes, acknowledges each segment, and is not always honest. */
class ModelReceiver {
  rcvNxt: number = 1;
  readonly #made: Established;
  readonly #random: Random;
  readonly #weather: Weather;
  #held: RangeSet = new RangeSet(1000);
  #last: SackBlock | undefined;
  #data: Travelling<Heard>[] = [];
  #acks: Travelling<{ ack: number; sack: SackBlock[] }>[] = [];

  constructor(made: Established, random: Random, weather: Weather) {
    this.#made = made;
    this.#random = random;
    this.#weather = weather;
  }

  /** Whatever the stack has sent begins its way; whatever has come to its end is dealt with. */
  step(now: number): void {
    const { peer } = this.#made;
    for (const heard of peer.take()) {
      if (heard.length === 0) continue;
      // RFC 9293 §3.8.6: nothing beyond the window, of which the peer has moved no edge back.
      expect(heard.seq + heard.length).toBeLessThanOrEqual(this.rcvNxt + peer.wnd);
      this.#travel(this.#data, heard, now);
    }
    for (const heard of arrived(this.#data, now)) this.#take(heard, now);
    for (const { ack, sack } of arrived(this.#acks, now)) peer.ack(ack, sack.length > 0 ? { sack } : {});
  }

  #travel<T>(lane: Travelling<T>[], what: T, now: number): void {
    const { loss, reorder, duplicate } = this.#weather;
    for (let copies = chance(this.#random, duplicate) ? 2 : 1; copies > 0; copies--) {
      if (chance(this.#random, loss)) continue;
      const late = chance(this.#random, reorder) ? uniform(this.#random, 60_000) : 0;
      lane.push({ at: now + 20_000 + late, what });
    }
  }

  #take({ seq, length }: Heard, now: number): void {
    const end = seq + length;
    const sack: SackBlock[] = [];
    if (end <= this.rcvNxt) sack.push([seq, end]);
    else if (seq > this.rcvNxt) {
      this.#held.add(seq, end);
      this.#last = [seq, end];
    } else this.rcvNxt = end;
    while (this.#held.first !== undefined && this.#held.first <= this.rcvNxt) {
      this.rcvNxt = Math.max(this.rcvNxt, this.#held.end(0));
      this.#held = this.#above(this.rcvNxt);
    }
    if (chance(this.#random, this.#weather.reneging)) this.#held = new RangeSet(1000);
    sack.push(...this.#blocks());
    if (chance(this.#random, this.#weather.lying)) sack.unshift(this.#lie());
    const silent = chance(this.#random, this.#weather.silent);
    this.#travel(this.#acks, { ack: this.rcvNxt, sack: silent ? [] : sack.slice(0, 3) }, now);
  }

  /** The block that holds the newest segment first, then others. */
  #blocks(): SackBlock[] {
    const all: SackBlock[] = [];
    for (let i = 0; i < this.#held.count; i++) {
      const block: SackBlock = [this.#held.start(i), this.#held.end(i)];
      const newest = this.#last !== undefined && block[0] <= this.#last[0] && this.#last[1] <= block[1];
      if (newest) all.unshift(block);
      else all.push(block);
    }
    return all;
  }

  #above(from: number): RangeSet {
    const rest = new RangeSet(1000);
    for (let i = 0; i < this.#held.count; i++) {
      if (this.#held.end(i) > from) rest.add(Math.max(this.#held.start(i), from), this.#held.end(i));
    }
    return rest;
  }

  #lie(): SackBlock {
    const left = this.rcvNxt + uniform(this.#random, 40_000) - 10_000;
    return [left, left + uniform(this.#random, 8000) - 2000];
  }
}

/** Takes what has arrived by `now` out of a lane. */
function arrived<T>(lane: Travelling<T>[], now: number): T[] {
  const due = lane.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at);
  const rest = lane.filter(({ at }) => at > now);
  lane.splice(0, lane.length, ...rest);
  return due.map(({ what }) => what);
}

function drawWeather(random: Random): Weather {
  const pick = (...values: number[]): number => values[uniform(random, values.length)]!;
  return {
    loss: pick(0, 0.01, 0.05, 0.2),
    reorder: pick(0, 0.05, 0.5),
    duplicate: pick(0, 0.05, 0.3),
    silent: pick(0, 0, 0.3),
    lying: pick(0, 0, 0.3),
    reneging: pick(0, 0, 0.05),
  };
}

/** One transfer; returns a word on what went wrong. */
function transfer(seed: number): string {
  const random = seededRandom(seed);
  const weather = drawWeather(random);
  const timestamps = chance(random, 0.5);
  const wnd = 5000 + uniform(random, 60_000);
  // Black holes look like this weather, and small segments make it last.
  const tcp = { pathMtuDiscovery: 'icmp' } as const;
  const made = established({ seed, sack: true, timestamps, rtt: 40_000, mss: 1000, wnd, tcp });
  const { world, peer, connection } = made;
  const receiver = new ModelReceiver(made, random, weather);
  world.write(connection, BYTES);
  for (let i = 0; i < LIMIT && connection.info().flight + connection.info().unsent > 0; i++) {
    receiver.step(world.clock.now());
    const { flight, unsent } = connection.info();
    if (flight + unsent > 0 && world.clock.nextDeadline === Infinity) return `no timer: ${JSON.stringify(weather)}`;
    world.advance(STEP);
  }
  const { flight, unsent } = connection.info();
  const ended = flight + unsent === 0 && receiver.rcvNxt === 1 + BYTES;
  peer.take();
  world.finish(ended);
  return ended ? '' : `stalled at ${receiver.rcvNxt}: ${JSON.stringify(weather)}`;
}

describe('Loss recovery by SACK, against a receiver that may do anything', () => {
  it('[S-078] [S-080] always completes, sends nothing beyond the window, and never waits without a timer', () => {
    const failures: string[] = [];
    for (let seed = 1; seed <= RUNS; seed++) {
      const wrong = transfer(seed);
      if (wrong !== '') failures.push(`seed ${seed}: ${wrong}`);
    }
    expect(failures).toEqual([]);
  });
});
