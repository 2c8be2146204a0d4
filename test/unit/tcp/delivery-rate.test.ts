import { describe, expect, it } from 'vitest';
import { DeliveryRate } from '../../../src/tcp/delivery-rate.ts';

interface Sent {
  sentAt: number;
  delivered: number;
  deliveredAt: number;
  firstSentAt: number;
  appLimited: boolean;
}

/** What its owner does around the estimator, with records of 1000 bytes. */
class Sender {
  readonly rate: DeliveryRate = new DeliveryRate();
  inFlight: number = 0;

  send(now: number): Sent {
    this.rate.onSend(now, this.inFlight++ === 0);
    const { delivered, deliveredAt, firstSentAt, isAppLimited } = this.rate;
    return { sentAt: now, delivered, deliveredAt, firstSentAt, appLimited: isAppLimited };
  }

  ack(now: number, records: readonly Sent[], minRtt: number = 0): DeliveryRate {
    this.rate.begin();
    for (const { sentAt, delivered, deliveredAt, firstSentAt, appLimited } of records) {
      this.inFlight--;
      this.rate.onDelivered(1000, sentAt, delivered, deliveredAt, firstSentAt, appLimited);
    }
    this.rate.finish(now, minRtt);
    return this.rate;
  }
}

describe('DeliveryRate', () => {
  it('divides what was delivered since a segment left by the time until its ACK', () => {
    const sender = new Sender();
    const records = [0, 1000, 2000, 3000].map((at) => sender.send(at));
    sender.ack(10_000, [records[0]!]);
    expect(sender.rate.rate).toBeCloseTo(1000 / 0.01, 6);
    sender.ack(11_000, [records[1]!]);
    sender.ack(12_000, [records[2]!]);
    const next = sender.send(12_000);
    sender.ack(13_000, [records[3]!]);
    const last = sender.ack(22_000, [next]);
    // Two segments since 12 ms, when the ACK before it had come.
    expect(last).toMatchObject({ delivered: 5000, priorDelivered: 3000, interval: 10_000, rate: 200_000 });
  });

  it('is not misled by ACKs that come in a bunch', () => {
    const sender = new Sender();
    const early = sender.send(0);
    sender.ack(10_000, [early]);
    // One segment a millisecond leaves, all ACKs come within 20 µs: the time of sending counts.
    const records = Array.from({ length: 20 }, (_, i) => sender.send(100_000 + i * 1000));
    for (const [i, record] of records.entries()) sender.ack(130_000 + i, [record]);
    const later = Array.from({ length: 20 }, (_, i) => sender.send(130_020 + i * 1000));
    sender.ack(160_000, [later[0]!]);
    sender.ack(160_001, later.slice(1));
    expect(sender.rate.rate).toBeLessThan(1_000_000);
  });

  it('takes the longer of sending and acknowledging', () => {
    const rate = new DeliveryRate();
    rate.begin();
    rate.onDelivered(1000, 9000, 0, 8000, 1000, false);
    rate.finish(10_000, 0);
    expect(rate.interval).toBe(8000);
    rate.begin();
    rate.onDelivered(1000, 9000, 0, 1000, 8000, false);
    rate.finish(10_000, 0);
    expect(rate.interval).toBe(9000);
  });

  it('counts the segment that was sent last, whatever the order of its delivery', () => {
    for (const reverse of [false, true]) {
      const sender = new Sender();
      const old = sender.send(0);
      sender.ack(1000, [sender.send(500)]);
      const records = [old, sender.send(2000), sender.send(3000)];
      sender.ack(5000, reverse ? records.reverse() : records);
      expect(sender.rate.priorDelivered).toBe(1000);
      // From the send at 500, the newest delivered when the last one left, to the send at 3000; from 1000 to 5000.
      expect(sender.rate.interval).toBe(4000);
      expect(sender.rate.firstSentAt).toBe(3000);
      expect(sender.rate.rate).toBeCloseTo(3000 / 0.004, 6);
    }
  });

  it('begins anew when nothing is in flight: idleness is not part of a sample', () => {
    const sender = new Sender();
    sender.ack(10_000, [sender.send(0)]);
    const records = [sender.send(5_000_000), sender.send(5_000_000)];
    expect(sender.ack(5_010_000, records)).toMatchObject({ interval: 10_000, rate: 200_000 });
  });

  it('has no rate from an ACK that delivers nothing', () => {
    const sender = new Sender();
    sender.ack(10_000, [sender.send(0)]);
    const { deliveredAt, firstSentAt } = sender.rate;
    const none = sender.ack(20_000, []);
    expect(none).toMatchObject({ rate: -1, interval: -1, priorDelivered: -1, deliveredAt, firstSentAt });
  });

  it('discards a sample shorter than the least round trip, but not what it says of rounds', () => {
    const sender = new Sender();
    const record = sender.send(0);
    const shorter = sender.ack(9999, [record], 10_000);
    expect(shorter).toMatchObject({ rate: -1, priorDelivered: 0, delivered: 1000 });
    expect(sender.ack(20_000, [sender.send(10_000)], 10_000).rate).toBeCloseTo(100_000, 6);
    expect(sender.ack(20_000, [sender.send(20_000)]).rate).toBe(-1);
  });

  it('marks what is sent behind a bubble until that is acknowledged', () => {
    const sender = new Sender();
    const before = [sender.send(0), sender.send(0)];
    sender.rate.onAppLimited(2000);
    const behind = sender.send(1000);
    expect(sender.ack(10_000, before).appLimited).toBe(false);
    expect(sender.rate.isAppLimited).toBe(true);
    const still = sender.send(10_500);
    expect(sender.ack(11_000, [behind]).appLimited).toBe(true);
    expect(sender.rate.isAppLimited).toBe(false);
    expect(sender.ack(20_500, [still]).appLimited).toBe(true);
    expect(sender.ack(30_500, [sender.send(20_500)]).appLimited).toBe(false);
  });

  it('marks from the beginning', () => {
    const sender = new Sender();
    sender.rate.onAppLimited(0);
    const first = sender.send(0);
    expect(first.appLimited).toBe(true);
    expect(sender.ack(10_000, [first]).appLimited).toBe(true);
    expect(sender.send(10_000).appLimited).toBe(false);
  });
});
