import type { CongestionController, CongestionFactory, CongestionSample } from '../../src/tcp/congestion/controller.ts';
import { DeliveryRate } from '../../src/tcp/delivery-rate.ts';
import { Pacer } from '../../src/tcp/pacer.ts';
import type { Random } from '../../src/time/clock.ts';
import { chance, seededRandom, uniform } from '../../src/time/seeded-random.ts';
import { congestionSample } from './congestion.ts';

/** Senders before one drop-tail queue, without a stack: what a congestion controller makes of a path. */
export interface PathOptions {
  /** Bytes a second. */
  rate: number;
  /** Round trip without queue, in microseconds. */
  rtt: number;
  /** Bytes that the queue holds. */
  buffer: number;
  /** Probability with which a segment is lost before the queue. */
  loss?: number;
  /** The receiver acknowledges every so many segments; the rest after 40 ms. */
  stretch?: number;
  /** The sender's timers are up to so many microseconds late. */
  late?: number;
  seed?: number;
}

const MSS = 1000;

interface Packet {
  /** Counts transmissions. */
  number: number;
  /** Counts segments of data: the same when sent again. */
  segment: number;
  sentAt: number;
  delivered: number;
  deliveredAt: number;
  firstSentAt: number;
  appLimited: boolean;
}

/** Events in the order of their times; of equal ones the older first. */
class Agenda {
  now: number = 0;
  readonly #queue: { at: number; run: () => void }[] = [];

  at(at: number, run: () => void): void {
    const queue = this.#queue;
    let i = queue.length;
    while (i > 0 && queue[i - 1]!.at > at) i--;
    queue.splice(i, 0, { at, run });
  }

  runUntil(end: number): void {
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || next.at > end) break;
      this.#queue.shift();
      this.now = next.at;
      next.run();
    }
    this.now = end;
  }
}

/** One sender with perfect knowledge of what has arrived, which calls its controller as the connection does. */
export class Flow {
  readonly control: CongestionController;
  readonly rate: DeliveryRate = new DeliveryRate();
  /** Bytes the application has left to send. */
  unsent: number = Infinity;
  lostBytes: number = 0;
  timeouts: number = 0;
  readonly #path: Path;
  readonly #pacer: Pacer;
  readonly #inFlight = new Map<number, Packet>();
  #nextNumber: number = 0;
  #nextSegment: number = 0;
  /** Sent and not delivered, oldest first. */
  readonly #undelivered = new Set<number>();
  /** Lost and not sent again. */
  readonly #lost: number[] = [];
  /** The last segment sent before recovery was entered; −1 outside. */
  #recover: number = -1;
  #minRtt: number = 0;
  #srtt: number = 0;
  #wakeAt: number = Infinity;
  #lastProgress: number = 0;
  #watching: boolean = false;
  #unacked: number = 0;
  #arrived: Packet[] = [];

  constructor(path: Path, factory: CongestionFactory, random?: Random) {
    this.#path = path;
    const { now } = path.agenda;
    const start = { mss: MSS, initialWindow: 10 * MSS, now };
    this.control = factory(random === undefined ? start : { ...start, random });
    this.#pacer = new Pacer(path.options.late ?? 0, MSS);
    this.#lastProgress = now;
    this.send();
  }

  get pipe(): number {
    return this.#inFlight.size * MSS;
  }

  send(): void {
    const { control, rate } = this;
    const { now } = this.#path.agenda;
    while ((this.#lost.length > 0 || this.unsent >= MSS) && this.pipe + MSS <= control.cwnd) {
      this.#pacer.setRate(control.pacingRate ?? Infinity, now);
      if (this.#pacer.available(now) < MSS) return this.#wake(this.#pacer.deadline);
      const idle = this.#inFlight.size === 0;
      rate.onSend(now, idle);
      control.onSend?.(now, this.pipe, idle && rate.isAppLimited);
      this.#pacer.onSent(MSS, now);
      const { delivered, deliveredAt, firstSentAt, isAppLimited: appLimited } = rate;
      const record = { sentAt: now, delivered, deliveredAt, firstSentAt, appLimited };
      const packet = { number: this.#nextNumber++, segment: this.#nextData(), ...record };
      if (idle) this.#lastProgress = now;
      this.#inFlight.set(packet.number, packet);
      this.#path.carry(this, packet);
      this.#watch();
    }
    if (this.unsent < MSS && this.#lost.length === 0 && this.pipe + MSS <= control.cwnd) rate.onAppLimited(this.pipe);
  }

  #nextData(): number {
    const again = this.#lost.shift();
    if (again !== undefined) return again;
    this.unsent -= MSS;
    this.#undelivered.add(this.#nextSegment);
    return this.#nextSegment++;
  }

  /** At the receiver. */
  arrive(packet: Packet): void {
    this.#arrived.push(packet);
    const { stretch = 1, rtt } = this.#path.options;
    const { agenda } = this.#path;
    const number = ++this.#unacked;
    const acknowledge = (): void => {
      const packets = this.#arrived;
      this.#arrived = [];
      this.#unacked = 0;
      agenda.at(agenda.now + rtt / 2, () => this.#ack(packets));
    };
    if (number >= stretch) return acknowledge();
    if (number > 1) return;
    const first = this.#arrived;
    agenda.at(agenda.now + 40_000, () => {
      if (this.#arrived === first) acknowledge();
    });
  }

  #ack(packets: readonly Packet[]): void {
    const { rate } = this;
    const { now } = this.#path.agenda;
    const flight = this.pipe;
    rate.begin();
    let delivered = 0;
    let rtt = -1;
    let newest = -1;
    for (const packet of packets) {
      if (!this.#inFlight.delete(packet.number)) continue;
      this.#undelivered.delete(packet.segment);
      const { sentAt, delivered: prior, deliveredAt, firstSentAt, appLimited } = packet;
      rate.onDelivered(MSS, sentAt, prior, deliveredAt, firstSentAt, appLimited);
      delivered += MSS;
      rtt = now - sentAt;
      newest = Math.max(newest, packet.number);
    }
    if (delivered === 0) return;
    this.#lastProgress = now;
    this.#minRtt = this.#minRtt === 0 ? rtt : Math.min(this.#minRtt, rtt);
    this.#srtt = this.#srtt === 0 ? rtt : this.#srtt + (rtt - this.#srtt) / 8;
    rate.finish(now, this.#minRtt);
    // The queue is first in, first out: what was sent three before the newest one has not arrived will not.
    let lost = 0;
    for (const [number, { segment }] of this.#inFlight) {
      if (number > newest - 3) break;
      this.#inFlight.delete(number);
      this.#lost.push(segment);
      lost += MSS;
    }
    this.#tell(sampleOf(this, { acked: delivered, delivered, lost, flight, rtt, srtt: this.#srtt, now }));
    this.send();
  }

  #tell(sample: CongestionSample): void {
    const { control } = this;
    this.lostBytes += sample.lost;
    const oldest = this.#undelivered.values().next();
    const recovering = !oldest.done && oldest.value <= this.#recover;
    const recovered = this.#recover >= 0 && !recovering;
    if (recovered) this.#recover = -1;
    const entered = this.#recover < 0 && sample.lost > 0;
    if (entered) this.#recover = this.#nextSegment - 1;
    sample.recovering = recovering || entered;
    if (recovered) control.onRecovered(sample);
    if (entered) control.onCongestion('loss', sample);
    else if (!recovering && !recovered) control.onAck(sample);
    control.onDelivery?.(sample);
  }

  #wake(at: number): void {
    if (this.#wakeAt <= at) return;
    this.#wakeAt = at;
    this.#path.agenda.at(at + this.#path.lateness(), () => {
      if (this.#wakeAt === at) this.#wakeAt = Infinity;
      this.send();
    });
  }

  /** A retransmission timeout of a second. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    const { agenda } = this.#path;
    agenda.at(this.#lastProgress + 1_000_000, () => {
      this.#watching = false;
      if (this.#inFlight.size === 0) return;
      if (agenda.now - this.#lastProgress >= 1_000_000) this.#timeout(agenda.now);
      this.#watch();
    });
  }

  #timeout(now: number): void {
    const flight = this.pipe;
    this.timeouts++;
    for (const { segment } of this.#inFlight.values()) this.#lost.push(segment);
    this.#inFlight.clear();
    this.#recover = this.#nextSegment - 1;
    this.#lastProgress = now;
    this.control.onCongestion('timeout', sampleOf(this, { acked: 0, lost: flight, flight, now, recovering: true }));
    this.send();
  }
}

function sampleOf(flow: Flow, values: Partial<CongestionSample>): CongestionSample {
  const { priorDelivered, rate: deliveryRate, appLimited, delivered: totalDelivered } = flow.rate;
  const measured = { priorDelivered, deliveryRate, appLimited, totalDelivered, pipe: flow.pipe, mss: MSS };
  return congestionSample({ ...measured, ...values });
}

export class Path {
  readonly agenda: Agenda = new Agenda();
  readonly options: PathOptions;
  drops: number = 0;
  readonly #random: Random;
  /** When the last byte of what is queued has left. */
  #busyUntil: number = 0;

  constructor(options: PathOptions) {
    this.options = options;
    this.#random = seededRandom(options.seed ?? 1);
  }

  /** Bytes in the queue. */
  get queue(): number {
    return (Math.max(this.#busyUntil - this.agenda.now, 0) * this.options.rate) / 1e6;
  }

  get bdp(): number {
    return (this.options.rate * this.options.rtt) / 1e6;
  }

  /** How late the next timer is. */
  lateness(): number {
    const { late = 0 } = this.options;
    return late === 0 ? 0 : uniform(this.#random, late + 1);
  }

  carry(flow: Flow, packet: Packet): void {
    const { rate, rtt, buffer, loss = 0 } = this.options;
    if (chance(this.#random, loss)) return;
    if (this.queue + MSS > buffer + MSS) {
      this.drops++;
      return;
    }
    this.#busyUntil = Math.max(this.#busyUntil, this.agenda.now) + (MSS * 1e6) / rate;
    this.agenda.at(this.#busyUntil + rtt / 2, () => flow.arrive(packet));
  }

  /** Runs until `end`, calling `look` every `step` microseconds. */
  run(end: number, step: number = end, look: () => void = () => {}): void {
    while (this.agenda.now < end) {
      this.agenda.runUntil(Math.min(this.agenda.now + step, end));
      look();
    }
  }
}
