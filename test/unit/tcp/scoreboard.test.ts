import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seqAdd } from '../../../src/buffer/seq.ts';
import type { DeliverySink, SendStamp } from '../../../src/tcp/scoreboard.ts';
import { Mark, Scoreboard } from '../../../src/tcp/scoreboard.ts';

const STAMP: SendStamp = { delivered: 0, deliveredAt: 0, firstSentAt: 0, isAppLimited: false };
const MSS = 100;

interface Delivery {
  bytes: number;
  end: number;
  sentAt: number;
  marks: number;
}

/** Writes down what it is told. */
class Sink implements DeliverySink {
  deliveries: Delivery[] = [];

  onDelivered(bytes: number, end: number, sentAt: number, marks: number): void {
    this.deliveries.push({ bytes, end, sentAt, marks });
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
    expect(sink.take()).toEqual([]);
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
          expect(board.findLost()).toBe(first >= 0);
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
