import { describe, expect, it } from 'vitest';
import { AckReport } from '../../../src/tcp/ack-report.ts';
import { DeliveryRate } from '../../../src/tcp/delivery-rate.ts';
import { Rack } from '../../../src/tcp/rack.ts';
import type { SendStamp } from '../../../src/tcp/scoreboard.ts';
import { Scoreboard } from '../../../src/tcp/scoreboard.ts';

const STAMP: SendStamp = { delivered: 0, deliveredAt: 0, firstSentAt: 0, isAppLimited: false };
const MIN_RTT = 10_000;

/** Five segments of 1000 octets, sent at 0, 10, 20, 30 and 40 ms; the n-th again at `again`, in microseconds. */
function sent(again: { n: number; at: number }[] = []) {
  const board = new Scoreboard();
  const rack = new Rack(0);
  const rate = new DeliveryRate();
  for (let i = 0; i < 5; i++) board.push(i * 1000, (i + 1) * 1000, 1000, i * 10_000, STAMP);
  for (const { n, at } of again) board.markRetransmitted(n * 1000, (n + 1) * 1000, at, STAMP);
  return { board, rack, rate, report: new AckReport(rack, rate) };
}

describe('[MUST-18] Karn’s rule: RFC 9293 §3.8.1, RFC 6298 §3', () => {
  it('what SACK reports has waited for nothing: it tells, where the ACK number covers a retransmission', () => {
    const { board, report } = sent([{ n: 0, at: 100_000 }]);
    report.begin(150_000, MIN_RTT, -1);
    board.acknowledge(1000, report);
    expect(report.rtt).toBe(-1);
    report.selective(1000);
    board.sack(2000, 3000, report);
    expect([report.rtt, report.repeatedAt, report.sackedOriginals]).toEqual([130_000, 100_000, 1000]);
  });

  it('a retransmission that SACK reports does not forbid what the ACK number tells', () => {
    const { board, report } = sent([{ n: 2, at: 100_000 }]);
    report.begin(150_000, MIN_RTT, -1);
    board.acknowledge(1000, report);
    report.selective(1000);
    board.sack(2000, 3000, report);
    expect([report.rtt, report.repeatedAt, report.sackedOriginals]).toEqual([150_000, -1, 0]);
  });

  it('an ACK that delivers nothing gives none', () => {
    const { report } = sent();
    report.begin(150_000, MIN_RTT, -1);
    expect(report.rtt).toBe(-1);
  });
});

describe('RFC 8985 §6.2 step 2: which transmission is answered', () => {
  it.each([
    ['of an earlier millisecond: the original', 98_500, -1],
    ['of the same millisecond: it may be the retransmission', 99_500, 100_000],
    ['of a later one: the retransmission', 101_000, 100_000],
    ['unknown: the retransmission, a round trip later', -1, 100_000],
  ])('[S-080] a timestamp echo %s', (_, echoAt, xmitTs) => {
    const { board, rack, report } = sent([{ n: 0, at: 100_000 }]);
    report.begin(150_000, MIN_RTT, echoAt);
    board.acknowledge(1000, report);
    expect(rack.xmitTs).toBe(xmitTs);
  });
});

describe('the delivery rate’s part', () => {
  it.each([false, true])('a record that was sent while the application was the limit: %s', (isAppLimited) => {
    const { board, rate, report } = sent();
    board.push(5000, 6000, 1000, 50_000, { ...STAMP, isAppLimited });
    report.begin(150_000, MIN_RTT, -1);
    board.acknowledge(6000, report);
    expect(rate.appLimited).toBe(isAppLimited);
  });
});
