import { describe, expect, it } from 'vitest';
import { AckReport } from '../../../src/tcp/ack-report.ts';
import { DeliveryRate } from '../../../src/tcp/delivery-rate.ts';
import { Rack } from '../../../src/tcp/rack.ts';
import { SackRecovery } from '../../../src/tcp/sack-recovery.ts';
import type { SendStamp } from '../../../src/tcp/scoreboard.ts';
import { Scoreboard } from '../../../src/tcp/scoreboard.ts';
import { TcpOptions } from '../../../src/wire/tcp-options.ts';

const STAMP: SendStamp = { delivered: 0, deliveredAt: 0, firstSentAt: 0, isAppLimited: false };
const MSS = 1000;
const RTT = 100_000;

/** Ten segments on their way, `[una, una + 10 MSS)`, sent at 1, 2, … 10 µs. */
class Flight {
  readonly board: Scoreboard = new Scoreboard();
  readonly rack: Rack;
  readonly sack: SackRecovery;
  readonly report: AckReport;
  readonly una: number;
  readonly nxt: number;

  constructor(una: number = 0) {
    this.una = una;
    this.nxt = una + 10 * MSS;
    this.rack = new Rack(una);
    this.sack = new SackRecovery(this.board, this.rack, una);
    this.report = new AckReport(this.rack, new DeliveryRate());
    for (let i = 0; i < 10; i++) this.board.push(una + i * MSS, una + (i + 1) * MSS, MSS, i + 1, STAMP);
  }

  /** Takes in an ACK of SND.UNA with these blocks: the octets newly SACKed, and the blocks refused. */
  blocks(ack: number, ...blocks: [left: number, right: number][]): { sacked: number; refused: number } {
    const options = new TcpOptions();
    for (const [left, right] of blocks) options.addSack(left, right);
    return this.take(options, ack);
  }

  take(options: TcpOptions, ack: number, now: number = RTT): { sacked: number; refused: number } {
    this.report.begin(now, RTT, -1);
    this.report.selective(this.una);
    const before = this.board.sacked;
    const refused = this.sack.takeBlocks(options, ack, this.una, this.nxt, this.report);
    return { sacked: this.board.sacked - before, refused };
  }
}

describe('the blocks of an ACK', () => {
  it('[S-077] RFC 2883 §4: only the first one may report a duplicate, the others are SACK blocks', () => {
    const flight = new Flight(50_000);
    const taken = flight.blocks(50_000, [48_000, 49_000], [51_000, 52_000], [53_000, 54_000]);
    expect(taken).toEqual({ sacked: 2 * MSS, refused: 0 });
    expect([flight.report.dsacked, flight.report.dsackStart, flight.report.dsackEnd]).toEqual([MSS, 48_000, 49_000]);
    expect(flight.report.sackedEnd).toBe(54_000);
  });

  it('[S-077] RFC 2883 §4: inside the second block it reports a duplicate, too', () => {
    const flight = new Flight();
    flight.blocks(0, [3000, 6000]);
    expect(flight.blocks(0, [4000, 5000], [3000, 6000])).toEqual({ sacked: 0, refused: 0 });
    expect([flight.report.dsacked, flight.report.dsackStart]).toEqual([MSS, 4000]);
    for (const first of [2000, 5000]) {
      expect(flight.blocks(0, [first, first + 2 * MSS], [3000, 6000]).refused).toBe(0);
      expect(flight.report.dsacked).toBe(0);
    }
  });

  it('a lone block above the ACK number reports no duplicate, whatever the segment before has said', () => {
    const flight = new Flight();
    const options = new TcpOptions();
    options.addSack(7000, 8000);
    options.addSack(2000, 5000);
    flight.take(options, 0);
    options.clear();
    options.addSack(3000, 5000);
    flight.take(options, 0);
    expect(flight.report.dsacked).toBe(0);
  });

  it('are lies beyond SND.NXT, or where they end before they begin, and duplicates of a gigabyte ago', () => {
    const una = 0x8000_0000;
    const flight = new Flight(una);
    const { nxt } = flight;
    expect(flight.blocks(una, [una + MSS, nxt + 1])).toEqual({ sacked: 0, refused: 1 });
    expect(flight.blocks(una, [una + 2 * MSS, una + MSS])).toEqual({ sacked: 0, refused: 1 });
    expect(flight.blocks(una, [una - MSS, una - 2 * MSS])).toEqual({ sacked: 0, refused: 1 });
    expect(flight.blocks(una, [una - 2 ** 30, una - MSS])).toEqual({ sacked: 0, refused: 1 });
    expect(flight.blocks(una, [una + MSS, nxt + 1], [una, nxt + 1])).toEqual({ sacked: 0, refused: 2 });
    expect(flight.report.dsacked).toBe(0);
    expect(flight.blocks(una, [una - 2 ** 30 + 1, una - MSS])).toEqual({ sacked: 0, refused: 0 });
    expect(flight.report.dsacked).toBe(2 ** 30 - 1 - MSS);
  });

  it('are just old where they lie below SND.UNA: an ACK that was overtaken', () => {
    const flight = new Flight(50_000);
    expect(flight.blocks(40_000, [42_000, 44_000], [49_000, 51_000])).toEqual({ sacked: MSS, refused: 0 });
    expect(flight.board.reneged).toBe(true);
    expect(flight.report.dsacked).toBe(0);
  });
});

describe('RFC 8985 §6.2: what is found to be lost', () => {
  it('nothing, before anything is delivered and when nothing is outstanding', () => {
    const flight = new Flight();
    expect(flight.sack.detectLoss(10 * RTT, RTT, RTT)).toBe(0);
    expect(flight.sack.reorderAt).toBe(Infinity);
    flight.board.acknowledge(flight.nxt, flight.report);
    expect(flight.sack.detectLoss(10 * RTT, RTT, RTT)).toBe(0);
    expect(flight.sack.reorderAt).toBe(Infinity);
  });

  it('[S-080] step 4: in recovery without delay, as long as no reordering was seen; else by the timer', () => {
    for (const recovering of [false, true]) {
      const flight = new Flight();
      if (recovering) flight.sack.enter(flight.nxt);
      flight.blocks(0, [MSS, 2 * MSS]);
      expect(flight.sack.detectLoss(RTT, RTT, RTT)).toBe(recovering ? MSS : 0);
      // 0 was sent at 1 µs, and the round trip of what came instead was 2 µs shorter than it is late.
      expect(flight.sack.reorderAt).toBe(recovering ? Infinity : 1 + (RTT - 2) + RTT / 4);
    }
  });

  it('[S-080] step 4: there is no reordering window before a least round-trip time is known', () => {
    const flight = new Flight();
    flight.blocks(0, [MSS, 2 * MSS]);
    expect(flight.sack.detectLoss(RTT, Infinity, RTT)).toBe(MSS);
  });

  it('[S-080] §6.3: when the retransmission timer expires the first segment, however young', () => {
    const flight = new Flight();
    // One that took a whole second.
    flight.rack.begin();
    flight.rack.onDelivered(0, 0, 0, 10 * RTT, RTT, false);
    flight.sack.onTimeout(0, flight.nxt, 2 * RTT, RTT, RTT);
    expect([flight.board.findLost(), flight.board.lostStart, flight.board.lostEnd]).toEqual([true, 0, MSS]);
    expect([flight.sack.phase, flight.sack.recover, flight.sack.congested]).toEqual(['loss', flight.nxt, true]);
  });

  it('with nothing outstanding a timeout, or another path, leaves nothing to repair', () => {
    const flight = new Flight();
    flight.board.acknowledge(flight.nxt, flight.report);
    flight.sack.onTimeout(flight.nxt, flight.nxt, RTT, RTT, RTT);
    expect([flight.sack.phase, flight.sack.findLost()]).toEqual(['open', false]);
    flight.sack.onPathChanged(flight.nxt, flight.nxt);
    expect([flight.sack.phase, flight.sack.findLost()]).toEqual(['open', false]);
    const other = new Flight();
    other.sack.onPathChanged(0, other.nxt);
    expect([other.sack.phase, other.sack.lost()]).toEqual(['loss', 10 * MSS]);
  });
});
