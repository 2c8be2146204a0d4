import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seqAdd } from '../../../src/buffer/seq.ts';
import type { DeliverySink, SendStamp } from '../../../src/tcp/scoreboard.ts';
import { Mark, Scoreboard } from '../../../src/tcp/scoreboard.ts';
import type { Rows } from '../../../src/tcp/scoreboard-rows.ts';
import { giveRows, takeRows } from '../../../src/tcp/scoreboard-rows.ts';

const STAMP: SendStamp = { delivered: 0, deliveredAt: 0, firstSentAt: 0, isAppLimited: false };
const MSS = 100;

interface Delivery {
  bytes: number;
  end: number;
  sentAt: number;
  marks: number;
  delivered: number;
}

/** Writes down what it is told. */
class Sink implements DeliverySink {
  deliveries: Delivery[] = [];

  onDelivered(bytes: number, end: number, sentAt: number, marks: number, delivered: number): void {
    this.deliveries.push({ bytes, end, sentAt, marks, delivered });
  }

  take(): Delivery[] {
    const all = this.deliveries;
    this.deliveries = [];
    return all;
  }
}

/** Ten segments of 100 octets, sent at 10, 20, … 100. */
function ten(): Scoreboard {
  const board = new Scoreboard();
  for (let i = 0; i < 10; i++) board.push(i * MSS, (i + 1) * MSS, MSS, (i + 1) * 10, STAMP);
  return board;
}

function counts({ sacked, lost, retransmitted }: Scoreboard): number[] {
  return [sacked, lost, retransmitted];
}

describe('Scoreboard', () => {
  it('is empty at first', () => {
    const board = new Scoreboard();
    const sink = new Sink();
    board.acknowledge(100, sink);
    board.sack(0, 100, sink);
    expect([board.length, board.oldestSentAt, board.findLost(), board.tailStart]).toEqual([0, -1, false, undefined]);
    expect([board.reneged, board.hasLost]).toEqual([false, false]);
    expect(sink.take()).toEqual([]);
  });

  it('moves the edge of what is SACKed into a record that was sent at once', () => {
    const sink = new Sink();
    const board = new Scoreboard();
    board.push(0, 10 * MSS, MSS, 10, STAMP);
    board.sack(MSS, 2 * MSS, sink);
    sink.take();
    for (let i = 3; i < 10; i++) {
      board.sack(MSS, i * MSS, sink);
      expect(sink.take()).toEqual([{ bytes: MSS, end: i * MSS, sentAt: 10, marks: 0, delivered: 0 }]);
      expect([board.length, board.sacked, board.sackedSegments]).toEqual([3, (i - 1) * MSS, i - 1]);
    }
    board.markLost(0, 10 * MSS);
    expect(counts(board)).toEqual([8 * MSS, 2 * MSS, 0]);
    board.acknowledge(10 * MSS, sink);
    expect(sink.take().map(({ end }) => end)).toEqual([MSS, 10 * MSS]);
    expect([board.length, ...counts(board)]).toEqual([0, 0, 0, 0]);
  });

  it('is empty again when all is acknowledged, or forgotten, and begins anew wherever the next range does', () => {
    const sink = new Sink();
    for (const empty of [(board: Scoreboard) => board.acknowledge(1000, sink), (board: Scoreboard) => board.clear()]) {
      const board = ten();
      board.sack(200, 300, sink);
      board.markLost(0, 100);
      empty(board);
      expect([board.length, board.oldestSentAt, board.reneged, board.hasLost]).toEqual([0, -1, false, false]);
      expect([board.sackedSegments, ...counts(board)]).toEqual([0, 0, 0, 0]);
      sink.take();
      board.push(5000, 5100, MSS, 7, STAMP);
      board.acknowledge(5100, sink);
      expect(sink.take().map(({ bytes, sentAt }) => [bytes, sentAt])).toEqual([[100, 7]]);
    }
  });

  it('takes an ACK of more than it knows for one of all, and leaves an old one alone', () => {
    const board = ten();
    const sink = new Sink();
    board.acknowledge(200, sink);
    board.acknowledge(100, sink);
    expect(sink.take()).toHaveLength(2);
    board.acknowledge(300, sink);
    expect(sink.take().map(({ bytes, end }) => [bytes, end])).toEqual([[100, 300]]);
    board.acknowledge(1500, sink);
    expect(sink.take().map(({ bytes }) => bytes)).toEqual(Array.from({ length: 7 }, () => 100));
    expect(board.length).toBe(0);
  });

  it('tells of each record that is acknowledged, of one acknowledged in part the part', () => {
    const board = ten();
    const sink = new Sink();
    board.acknowledge(250, sink);
    expect(sink.take().map(({ bytes, end, sentAt }) => [bytes, end, sentAt])).toEqual([
      [100, 100, 10],
      [100, 200, 20],
      [50, 250, 30],
    ]);
    board.acknowledge(300, sink);
    expect(sink.take().map(({ bytes }) => bytes)).toEqual([50]);
    expect([board.length, board.oldestSentAt]).toEqual([7, 40]);
  });

  it('makes one record of what is sent at the same time', () => {
    const board = new Scoreboard();
    board.push(0, 100, MSS, 5, STAMP);
    board.push(100, 350, MSS, 5, STAMP);
    expect(board.length).toBe(1);
    board.push(350, 400, MSS, 6, STAMP);
    expect(board.length).toBe(2);
  });

  it('keeps apart, of what is sent at the same time, what the delivery rate has to tell apart', () => {
    const board = new Scoreboard();
    const sink = new Sink();
    board.push(0, 100, MSS, 5, STAMP);
    board.push(100, 200, MSS, 5, { ...STAMP, isAppLimited: true });
    // An ACK came between: more had been delivered when this was sent.
    board.push(200, 300, MSS, 5, { ...STAMP, delivered: 70, isAppLimited: true });
    const told = (): number[][] =>
      sink.take().map(({ end, delivered, marks }) => [end, delivered, marks & Mark.appLimited]);
    board.acknowledge(300, sink);
    expect(told()).toEqual([
      [100, 0, 0],
      [200, 0, Mark.appLimited],
      [300, 70, Mark.appLimited],
    ]);
    board.push(300, 400, MSS, 6, STAMP);
    board.push(400, 500, MSS, 6, { ...STAMP, isAppLimited: true });
    // What is sent again is judged by when it was sent again.
    board.markRetransmitted(300, 400, 7, { ...STAMP, delivered: 80, isAppLimited: true });
    board.markRetransmitted(400, 500, 7, { ...STAMP, delivered: 90 });
    board.acknowledge(500, sink);
    expect(told()).toEqual([
      [400, 80, Mark.appLimited],
      [500, 90, 0],
    ]);
  });

  it('keeps apart what was sent again at different times or with different amounts delivered', () => {
    const board = ten();
    const sink = new Sink();
    board.markRetransmitted(0, 100, 200, STAMP);
    board.markRetransmitted(100, 200, 210, STAMP);
    board.markRetransmitted(200, 300, 210, { ...STAMP, delivered: 100 });
    board.acknowledge(300, sink);
    expect(sink.take().map(({ sentAt, delivered }) => [sentAt, delivered])).toEqual([
      [200, 0],
      [210, 0],
      [210, 100],
    ]);
  });

  it('makes one record of neighbours of which the same is known', () => {
    const board = ten();
    for (let i = 1; i < 9; i++) board.sack(i * MSS, (i + 1) * MSS, new Sink());
    expect([board.length, board.sackedSegments]).toEqual([3, 8]);
    const again = new Scoreboard();
    again.push(0, 1000, MSS, 5, STAMP);
    again.markLost(0, 200);
    again.markLost(200, 400);
    again.markRetransmitted(0, 400, 9, STAMP);
    expect(again.length).toBe(2);
    again.markRetransmitted(400, 600, 10, STAMP);
    expect(again.length).toBe(3);
  });

  it('tells of what is SACKed once, and takes it out of the pipe', () => {
    const board = ten();
    const sink = new Sink();
    board.sack(300, 500, sink);
    expect(sink.take().map(({ end }) => end)).toEqual([400, 500]);
    board.sack(250, 500, sink);
    expect(sink.take().map(({ bytes, end }) => [bytes, end])).toEqual([[50, 300]]);
    expect([board.sacked, board.pipe(0, 1000)]).toEqual([250, 750]);
    board.acknowledge(500, sink);
    expect(sink.take().map(({ end }) => end)).toEqual([100, 200, 250]);
    expect(counts(board)).toEqual([0, 0, 0]);
  });

  it('counts segments that are SACKed', () => {
    const board = new Scoreboard();
    board.push(0, 1000, MSS, 5, STAMP);
    board.sack(200, 500, new Sink());
    expect(board.sackedSegments).toBe(3);
    board.sack(700, 1000, new Sink());
    expect(board.sackedSegments).toBe(6);
    board.acknowledge(1000, new Sink());
    expect(board.sackedSegments).toBe(0);
  });

  it('counts no segment that is SACKed twice, and none any more that is acknowledged', () => {
    const board = ten();
    board.sack(200, 500, new Sink());
    // Blocks that repeat what is known, wholly and in part.
    board.sack(200, 500, new Sink());
    board.sack(250, 450, new Sink());
    expect([board.sacked, board.sackedSegments]).toEqual([300, 3]);
    board.acknowledge(500, new Sink());
    expect([board.length, board.sacked, board.sackedSegments]).toEqual([5, 0, 0]);
    // A block that begins within what is known, and within a segment.
    board.sack(600, 700, new Sink());
    board.sack(650, 750, new Sink());
    board.acknowledge(750, new Sink());
    expect([board.sacked, board.sackedSegments]).toEqual([0, 0]);
  });

  it('counts, of a record that is acknowledged in part, the segments that are left', () => {
    const full = new Scoreboard();
    full.push(0, 1001, MSS, 5, STAMP);
    full.acknowledge(600, new Sink());
    expect(full.sackedSegments).toBe(0);
    // Four full ones and the last octet.
    full.sack(600, 1001, new Sink());
    expect(full.sackedSegments).toBe(5);
    full.acknowledge(850, new Sink());
    expect([full.sacked, full.sackedSegments]).toEqual([151, 2]);
    const tiny = new Scoreboard();
    for (let i = 0; i < 5; i++) tiny.push(i * 10, (i + 1) * 10, MSS, 5, STAMP);
    tiny.acknowledge(20, new Sink());
    tiny.sack(20, 50, new Sink());
    expect(tiny.sackedSegments).toBe(3);
  });

  it('counts more segments than one record can hold', () => {
    const board = new Scoreboard();
    for (let i = 0; i < 3; i++) board.push(i * 40_000, (i + 1) * 40_000, 1, i, STAMP);
    board.sack(0, 80_000, new Sink());
    expect(board.sackedSegments).toBe(80_000);
    board.acknowledge(80_000, new Sink());
    expect([board.length, board.sacked, board.sackedSegments]).toEqual([1, 0, 0]);
  });

  it('waits for nothing to be sent again that has arrived meanwhile, and counts a loss once', () => {
    const board = ten();
    board.markLost(0, 200);
    board.markLost(0, 100);
    expect([board.lost, board.losses, board.hasLost]).toEqual([200, 200, true]);
    board.sack(100, 200, new Sink());
    expect(board.hasLost).toBe(true);
    board.acknowledge(100, new Sink());
    expect([board.hasLost, ...counts(board)]).toEqual([false, 100, 0, 0]);
  });

  it('RFC 8985 §6.3: the oldest record is lost, however young it is', () => {
    const board = new Scoreboard();
    board.markFirstLost();
    expect(board.hasLost).toBe(false);
    board.push(0, 100, MSS, 5, STAMP);
    board.push(100, 200, MSS, 6, STAMP);
    board.markFirstLost();
    expect([board.findLost(), board.lostStart, board.lostEnd, board.lost]).toEqual([true, 0, 100, 100]);
  });

  it('forgets what was lost when the recovery was spurious', () => {
    const board = ten();
    board.markLost(0, 300);
    board.markRetransmitted(0, 100, 200, STAMP);
    board.forgetLost();
    expect([board.findLost(), ...counts(board), board.pipe(0, 1000)]).toEqual([false, 0, 0, 100, 1100]);
    board.acknowledge(200, new Sink());
    expect([board.hasLost, ...counts(board)]).toEqual([false, 0, 0, 0]);
  });

  it('finds what is lost from the front, and what is sent again is found no more', () => {
    const board = ten();
    board.sack(200, 300, new Sink());
    board.markLost(0, 400);
    expect([board.findLost(), board.lostStart, board.lostEnd]).toEqual([true, 0, 200]);
    expect(counts(board)).toEqual([100, 300, 0]);
    board.markRetransmitted(0, 100, 200, STAMP);
    expect([board.findLost(), board.lostStart, board.lostEnd]).toEqual([true, 100, 200]);
    expect(board.pipe(0, 1000)).toBe(700);
    board.markRetransmitted(100, 200, 210, STAMP);
    expect([board.findLost(), board.lostStart, board.lostEnd]).toEqual([true, 300, 400]);
    board.markRetransmitted(300, 400, 220, STAMP);
    expect(board.findLost()).toBe(false);
    expect([counts(board), board.pipe(0, 1000)]).toEqual([[100, 300, 300], 900]);
  });

  it('a retransmission that is lost is found again', () => {
    const board = ten();
    board.markLost(0, 100);
    board.markRetransmitted(0, 100, 200, STAMP);
    board.markLost(0, 100);
    expect([board.findLost(), board.lostStart, board.lostEnd]).toEqual([true, 0, 100]);
    expect(counts(board)).toEqual([0, 100, 0]);
  });

  it('says what was sent more than once', () => {
    const board = ten();
    const sink = new Sink();
    board.markRetransmitted(100, 200, 200, STAMP);
    board.acknowledge(300, sink);
    expect(sink.take().map(({ sentAt, marks }) => [sentAt, marks & Mark.repeated])).toEqual([
      [10, 0],
      [200, Mark.repeated],
      [30, 0],
    ]);
  });

  it('counts once what was sent again, however often', () => {
    const board = ten();
    for (const [now, end] of [
      [200, 200],
      [300, 200],
      [400, 300],
    ] as const) {
      board.markRetransmitted(100, end, now, STAMP);
    }
    expect(board.repeated).toBe(200);
  });

  it('loses what was sent long before what has arrived, and waits for the rest', () => {
    const board = ten();
    board.sack(700, 800, new Sink());
    // The segment that arrived was sent at 80; older than 75 at 100: those sent up to 25.
    expect(board.markOlder(80, 800, 75, 100)).toBe(45);
    expect([board.findLost(), board.lostStart, board.lostEnd]).toEqual([true, 0, 200]);
    expect(board.losses).toBe(200);
    // Sent again at 100: younger than what has arrived, and no longer judged.
    board.markRetransmitted(0, 200, 100, STAMP);
    expect(board.markOlder(80, 800, 75, 1000)).toBe(0);
    expect([board.findLost(), board.lostStart, board.lostEnd]).toEqual([true, 200, 700]);
  });

  it('of what was sent at the same time, the lower numbers were sent before', () => {
    const board = new Scoreboard();
    board.push(0, 1000, MSS, 5, STAMP);
    board.sack(500, 600, new Sink());
    board.markOlder(5, 600, 0, 100);
    expect([board.findLost(), board.lostStart, board.lostEnd]).toEqual([true, 0, 500]);
    expect(board.lost).toBe(500);
  });

  it('knows when the peer has reported the octet that it waits for', () => {
    const board = ten();
    board.sack(100, 200, new Sink());
    expect(board.reneged).toBe(false);
    board.acknowledge(100, new Sink());
    expect(board.reneged).toBe(true);
    board.forgetSacked();
    expect([board.reneged, board.sacked, board.pipe(100, 1000)]).toEqual([false, 0, 900]);
  });

  it('forgets what SACK has reported, and that only; Karn: its next delivery gives no round-trip time', () => {
    const board = ten();
    const sink = new Sink();
    board.sack(0, 100, sink);
    board.markLost(100, 200);
    sink.take();
    board.forgetSacked();
    expect(counts(board)).toEqual([0, 100, 0]);
    expect([board.findLost(), board.lostStart, board.lostEnd]).toEqual([true, 100, 200]);
    board.acknowledge(300, sink);
    expect(sink.take().map(({ end, marks }) => [end, marks & Mark.repeated])).toEqual([
      [100, Mark.repeated],
      [200, 0],
      [300, 0],
    ]);
  });

  it('waits for nothing that is lost already', () => {
    const board = ten();
    board.sack(100, 200, new Sink());
    expect(board.markOlder(20, 200, 75, 50)).toBe(35);
    board.markLost(0, 100);
    expect(board.markOlder(20, 200, 75, 50)).toBe(0);
  });

  it('finds the tail that is not known to have arrived', () => {
    const board = ten();
    board.sack(900, 1000, new Sink());
    expect(board.tailStart).toBe(800);
  });

  it('is bounded: tiny segments share a record, and SACK blocks cut no more', () => {
    const board = new Scoreboard();
    for (let i = 0; i < 20_000; i++) board.push(i, i + 1, MSS, i, STAMP);
    expect(board.length).toBe(16_384);
    const sink = new Sink();
    board.sack(17_000, 17_001, sink);
    expect([board.length, board.sacked, sink.take()]).toEqual([16_384, 0, []]);
    // What is sent again of a record that can't be cut: all of it counts, so that sending comes to an end.
    board.markLost(0, 20_000);
    board.markRetransmitted(0, 18_000, 30_000, STAMP);
    expect(board.findLost()).toBe(false);
    board.acknowledge(20_000, sink);
    expect([board.length, counts(board)]).toEqual([0, [0, 0, 0]]);
  });

  it('is bounded by what is outstanding: blocks that cut segments to pieces make no more than 1024 records beside it', () => {
    const board = new Scoreboard();
    board.push(0, 64_000, 1000, 1, STAMP);
    const sink = new Sink();
    for (let i = 10; i < 64_000; i += 2) board.sack(i, i + 1, sink);
    expect(board.length).toBeGreaterThan(1000);
    expect(board.length).toBeLessThanOrEqual(1024 + 2 * 64);
    // Whole segments are still taken in.
    board.sack(62_000, 64_000, sink);
    expect(board.sacked).toBeGreaterThanOrEqual(2000);
    board.acknowledge(64_000, sink);
    expect([board.length, counts(board)]).toEqual([0, [0, 0, 0]]);
  });

  it('is bounded: of a record that can’t be cut all counts as sent again, and nothing as reported', () => {
    const board = new Scoreboard();
    for (let i = 0; i < 20_000; i++) board.push(i, i + 1, MSS, i, STAMP);
    const sink = new Sink();
    // From within the last record but one to within the last, which holds 3617 octets.
    board.sack(16_382, 17_000, sink);
    expect(sink.take().map(({ bytes }) => bytes)).toEqual([1]);
    board.markLost(0, 20_000);
    board.markRetransmitted(17_000, 18_000, 30_000, STAMP);
    expect([board.findLost(), board.lostStart, board.lostEnd]).toEqual([true, 0, 16_382]);
    expect(board.retransmitted).toBe(20_000 - 16_383);
  });

  it('is bounded: what has arrived takes in nothing that is still on its way', () => {
    const board = new Scoreboard();
    for (let i = 0; i < 16_384; i++) board.push(i, i + 1, MSS, i, STAMP);
    const sink = new Sink();
    board.sack(16_383, 16_384, sink);
    board.push(16_384, 16_484, MSS, 17_000, STAMP);
    expect([board.length, board.sacked, board.pipe(0, 16_484)]).toEqual([16_385, 1, 16_483]);
    sink.take();
    board.acknowledge(16_484, sink);
    expect(sink.take().reduce((sum, { bytes }) => sum + bytes, 0)).toBe(16_483);
  });
});

describe('the rows of boards that ran empty', () => {
  /** Takes all that are spare. */
  function spares(): Rows[] {
    const taken: Rows[] = [];
    // Rows that were given back come back; new ones have no content: their number is bounded.
    for (let i = 0; i < 200; i++) taken.push(takeRows());
    return taken;
  }

  it('serve the next one, also when far more has passed through a board than it ever held', () => {
    const [rows] = spares();
    giveRows(rows!);
    const board = new Scoreboard();
    for (let i = 0; i < 1000; i++) {
      board.push(i * MSS, (i + 1) * MSS, MSS, i, STAMP);
      if (i >= 4) board.acknowledge((i - 3) * MSS, new Sink());
    }
    board.acknowledge(1000 * MSS, new Sink());
    expect(takeRows()).toBe(rows);
  });

  it('are not kept when a board has outgrown them, nor more than 64', () => {
    const rows = spares();
    const size = rows[0]!.end.length;
    const board = new Scoreboard();
    for (let i = 0; i <= size; i++) board.push(i * MSS, (i + 1) * MSS, MSS, i, STAMP);
    board.clear();
    expect(takeRows().end.length).toBe(size);
    for (const each of rows) giveRows(each);
    const again = new Set(spares());
    expect(rows.filter((each) => again.has(each))).toHaveLength(64);
  });
});

/** One octet as a naive model keeps it. */
interface Octet {
  sentAt: number;
  sacked: boolean;
  lost: boolean;
  again: boolean;
  repeated: boolean;
}

describe('Scoreboard, against a list of octets', () => {
  const range = fc.record({ at: fc.nat(60), length: fc.integer({ min: 1, max: 30 }) });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('push' as const), length: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ kind: fc.constant('ack' as const), length: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ kind: fc.constant('sack' as const), range }),
    fc.record({ kind: fc.constant('lose' as const), range }),
    fc.record({ kind: fc.constant('again' as const), range }),
    fc.record({ kind: fc.constant('older' as const), age: fc.nat(10) }),
  );

  it('keeps the same counts, finds the same range, delivers the same octets', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 0xffff_ffe0), (steps, origin) => {
        const board = new Scoreboard();
        const sink = new Sink();
        const octets: Octet[] = [];
        let una: number = origin;
        let now = 0;
        let newest: { sentAt: number; end: number } | undefined;
        const told = (): number => {
          let bytes = 0;
          for (const { bytes: n, sentAt, end } of sink.take()) {
            bytes += n;
            if (newest === undefined || sentAt >= newest.sentAt) newest = { sentAt, end };
          }
          return bytes;
        };
        const part = ({ at, length }: { at: number; length: number }): Octet[] => octets.slice(at, at + length);
        for (const each of steps) {
          now++;
          const nxt = seqAdd(una, octets.length);
          if (each.kind === 'push') {
            board.push(nxt, seqAdd(nxt, each.length), 10, now, STAMP);
            for (let i = 0; i < each.length; i++) {
              octets.push({ sentAt: now, sacked: false, lost: false, again: false, repeated: false });
            }
          } else if (each.kind === 'ack') {
            const gone = octets.splice(0, each.length);
            una = seqAdd(una, gone.length);
            board.acknowledge(una, sink);
            expect(told()).toBe(gone.filter(({ sacked }) => !sacked).length);
          } else if (each.kind === 'older') {
            if (newest === undefined) continue;
            const { sentAt, end } = newest;
            board.markOlder(sentAt, end, each.age, now);
            octets.forEach((octet, i) => {
              const at = seqAdd(una, i);
              const before = octet.sentAt < sentAt || (octet.sentAt === sentAt && ((at - end) | 0) < 0);
              if (octet.sacked || !before || octet.sentAt + each.age > now) return;
              octet.lost = true;
              octet.again = false;
            });
          } else {
            const left = seqAdd(una, each.range.at);
            const right = seqAdd(left, each.range.length);
            const some = part(each.range);
            if (each.kind === 'sack') {
              board.sack(left, right, sink);
              expect(told()).toBe(some.filter(({ sacked }) => !sacked).length);
              for (const octet of some) Object.assign(octet, { sacked: true, lost: false, again: false });
            } else if (each.kind === 'lose') {
              board.markLost(left, right);
              for (const octet of some) if (!octet.sacked) Object.assign(octet, { lost: true, again: false });
            } else {
              board.markRetransmitted(left, right, now, STAMP);
              for (const octet of some) {
                if (!octet.sacked) Object.assign(octet, { again: true, repeated: true, sentAt: now });
              }
            }
          }
          const count = (name: 'sacked' | 'lost' | 'again'): number => octets.filter((octet) => octet[name]).length;
          expect(counts(board)).toEqual([count('sacked'), count('lost'), count('again')]);
          const first = octets.findIndex(({ lost, again }) => lost && !again);
          expect([board.findLost(), board.hasLost]).toEqual([first >= 0, first >= 0]);
          // A part of a segment counts as one.
          expect(board.sackedSegments > 0).toBe(board.sacked > 0);
          expect(board.sackedSegments).toBeLessThanOrEqual(board.sacked);
          if (first >= 0) {
            const behind = octets.findIndex(({ lost, again }, i) => i > first && !(lost && !again));
            expect(board.lostStart).toBe(seqAdd(una, first));
            expect(board.lostEnd).toBe(seqAdd(una, behind < 0 ? octets.length : behind));
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
