import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryOf } from '../../src/buffer/memory.ts';
import { seqAdd, seqDiff } from '../../src/buffer/seq.ts';
import { Acker } from '../../src/tcp/acker.ts';
import { Keepalive } from '../../src/tcp/keepalive.ts';
import { DEFAULT_CONNECTION_OPTIONS } from '../../src/tcp/options.ts';
import { Persist } from '../../src/tcp/persist.ts';
import { Reassembly } from '../../src/tcp/reassembly.ts';
import { ReceiveWindow } from '../../src/tcp/receive-window.ts';

const SECOND = 1_000_000;
const MSS = 1000;

describe('RFC 9293 §3.8.4: keep-alives', () => {
  /** Two hours, 75 s, 9 probes; switched on, last heard at time 0. */
  function keepalive(): Keepalive {
    const tested = new Keepalive();
    tested.configure(true, 7200 * SECOND, 75 * SECOND, 9);
    return tested;
  }

  it('[MUST-25] off by default', () => {
    expect(new Keepalive().deadline).toBe(Infinity);
    expect(DEFAULT_CONNECTION_OPTIONS.keepAlive).toBe(false);
  });

  it('[MUST-24] can be switched on and off for a connection', () => {
    const tested = keepalive();
    expect(tested.deadline).toBe(7200 * SECOND);
    tested.configure(false, 7200 * SECOND, 75 * SECOND, 9);
    expect(tested.deadline).toBe(Infinity);
  });

  it('[MUST-26] sent only when nothing was received for the interval', () => {
    const tested = keepalive();
    for (let now = 0; now < 100_000 * SECOND; now += 7000 * SECOND) {
      expect(tested.deadline).toBeGreaterThan(now);
      tested.onActivity(now);
    }
  });

  it('[MUST-27] the interval is configurable', () => {
    const tested = keepalive();
    tested.configure(true, 60 * SECOND, SECOND, 3);
    tested.onActivity(5 * SECOND);
    expect(tested.deadline).toBe(65 * SECOND);
  });

  it('[MUST-28] the default interval is not less than two hours', () => {
    expect(DEFAULT_CONNECTION_OPTIONS.keepAliveIdle).toBeGreaterThanOrEqual(2 * 3600 * 1000);
  });

  it('[MUST-29] no single unanswered probe ends a connection, even when configured so', () => {
    const tested = new Keepalive();
    tested.configure(true, 10 * SECOND, SECOND, 1);
    expect(tested.onDeadline(10 * SECOND)).toBe('probe');
    expect(tested.onDeadline(11 * SECOND)).toBe('probe');
    expect(tested.onDeadline(12 * SECOND)).toBe('dead');
  });
});

describe('RFC 9293 §3.8.6: managing the window', () => {
  it('[SHLD-14] the receiver never moves the right edge back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2000), fc.nat(12_000)), { maxLength: 60 }), (steps) => {
        const window = new ReceiveWindow(10_000, 0);
        let nxt = 0xffff_f000;
        let edge = seqAdd(nxt, window.advertise(nxt, 0, MSS));
        for (const [arrive, buffered] of steps) {
          nxt = seqAdd(nxt, Math.min(arrive, seqDiff(edge, nxt)));
          const next = seqAdd(nxt, window.advertise(nxt, buffered, MSS));
          expect(seqDiff(next, edge)).toBeGreaterThanOrEqual(0);
          edge = next;
        }
      }),
    );
  });
});

describe('RFC 9293 §3.8.6.1: zero-window probing', () => {
  it('[MUST-36] [SHLD-29] the first probe is due when the window has been zero for one RTO', () => {
    const persist = new Persist();
    persist.start(5 * SECOND, 300_000);
    expect(persist.deadline).toBe(5_300_000);
  });

  it('[SHLD-30] the interval between probes grows exponentially, to 120 s', () => {
    const persist = new Persist();
    persist.start(0, SECOND);
    const seen: number[] = [];
    for (let i = 0; i < 9; i++) {
      const now = persist.deadline;
      persist.onProbe(now, SECOND, Infinity);
      seen.push((persist.deadline - now) / SECOND);
    }
    expect(seen).toEqual([2, 4, 8, 16, 32, 64, 120, 120, 120]);
  });

  it('[MUST-37] while probes are acknowledged the peer never counts as silent, and probing goes on', () => {
    const persist = new Persist();
    persist.start(0, SECOND);
    for (let i = 0; i < 1000; i++) {
      const now = persist.deadline;
      persist.onProbe(now, SECOND, Infinity);
      expect(persist.unansweredProbes).toBe(1);
      persist.onAck();
      expect(persist.unansweredProbes).toBe(0);
      expect(persist.deadline).toBeGreaterThan(now);
    }
  });
});

describe('RFC 9293 §3.8.6.2.2: receiver silly window avoidance', () => {
  it('[MUST-39] the window opens in steps of Eff.snd.MSS when the buffer is large', () => {
    const window = new ReceiveWindow(10_000, 0);
    window.advertise(0, 0, MSS);
    // The buffer is full; then the application reads ten bytes at a time.
    const offered = new Set<number>();
    for (let buffered = 10_000; buffered >= 0; buffered -= 10) offered.add(window.advertise(10_000, buffered, MSS));
    expect([...offered]).toEqual([0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000]);
  });

  it('[MUST-39] and in steps of half the buffer when that is less', () => {
    const window = new ReceiveWindow(1200, 0);
    window.advertise(0, 0, MSS);
    const offered = new Set<number>();
    for (let buffered = 1200; buffered >= 0; buffered -= 10) offered.add(window.advertise(1200, buffered, MSS));
    expect([...offered]).toEqual([0, 600, 1200]);
  });

  it('[MUST-39] until then the right edge stays fixed while small segments arrive', () => {
    const window = new ReceiveWindow(10_000, 0);
    window.advertise(0, 0, MSS);
    for (let nxt = 10; nxt < MSS; nxt += 10) {
      expect(window.advertise(nxt, 0, MSS)).toBe(10_000 - nxt);
    }
    expect(window.advertise(MSS, 0, MSS)).toBe(10_000);
  });
});

describe('RFC 9293 §3.8.6.3: delayed acknowledgements', () => {
  it('[SHLD-18] [MUST-40] an ACK may wait, for less than half a second', () => {
    const acker = new Acker();
    let delayed = 0;
    // A segment every 50 ms: past the first ones, ACKs wait for the timer.
    for (let now = 0; now < 50_000 * 40; now += 50_000) {
      acker.onInOrder(10, MSS, now);
      if (!acker.due(now)) {
        delayed++;
        expect(acker.deadline - now).toBeLessThan(500_000);
        expect(acker.due(acker.deadline)).toBe(true);
      }
      acker.sent();
    }
    expect(delayed).toBe(24);
  });

  it('[SHLD-19] at least every second full-sized segment is acknowledged', () => {
    const acker = new Acker();
    for (let i = 0; i < 100; i++) {
      acker.onInOrder(MSS, MSS, i);
      if (acker.due(i)) acker.sent();
      expect(acker.pending).toBeLessThan(2 * MSS);
    }
  });
});

describe('RFC 9293 §3.10.7.4: segment acceptability', () => {
  /** A window of `size` from `nxt` on. */
  function window(nxt: number, size: number): ReceiveWindow {
    const tested = new ReceiveWindow(10_000, 0);
    tested.advertise(seqAdd(nxt, size - 10_000), 0, MSS);
    return tested;
  }

  it.each([0, 0x7fff_fff0, 0xffff_ff80])('the four cases of the table, RCV.NXT = %i', (nxt) => {
    const at = (n: number): number => seqAdd(nxt, n);
    const closed = window(nxt, 0);
    // SEG.LEN = 0, RCV.WND = 0: SEG.SEQ = RCV.NXT
    expect([-1, 0, 1].map((n) => closed.acceptable(nxt, at(n), 0))).toEqual([false, true, false]);
    // SEG.LEN > 0, RCV.WND = 0: not acceptable
    expect([-1, 0, 1].map((n) => closed.acceptable(nxt, at(n), 2))).toEqual([false, false, false]);
    const open = window(nxt, 500);
    // SEG.LEN = 0, RCV.WND > 0: RCV.NXT =< SEG.SEQ < RCV.NXT + RCV.WND
    expect([-1, 0, 499, 500].map((n) => open.acceptable(nxt, at(n), 0))).toEqual([false, true, true, false]);
    // SEG.LEN > 0, RCV.WND > 0: the first or the last octet lies in the window
    expect([-11, -10, -9, 0, 490, 499, 500].map((n) => open.acceptable(nxt, at(n), 10))).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
      false,
    ]);
    expect([-8, 100].map((n) => open.acceptable(nxt, at(n), 500))).toEqual([true, true]);
  });

  it('agrees with the table for any segment', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 0xffff_ffff }),
        fc.nat({ max: 300 }),
        fc.integer({ min: -400, max: 400 }),
        fc.nat({ max: 300 }),
        (nxt, size, first, length) => {
          const inWindow = (n: number): boolean => 0 <= n && n < size;
          let expected: boolean;
          if (length === 0) expected = size === 0 ? first === 0 : inWindow(first);
          else expected = size > 0 && (inWindow(first) || inWindow(first + length - 1));
          expect(window(nxt, size).acceptable(nxt, seqAdd(nxt, first), length)).toBe(expected);
        },
      ),
    );
  });

  it('a segment in any window ever advertised is acceptable (RFC 7323 §2.4)', () => {
    const tested = new ReceiveWindow(10_240, 4);
    tested.advertise(0, 0, MSS);
    for (let nxt = 1; nxt < 9000; nxt += 7) tested.advertise(nxt, nxt, MSS);
    expect(tested.acceptable(9000, 10_239, 1)).toBe(true);
  });

  it('[SHLD-31] out-of-order segments are kept and delivered in order', () => {
    const queue = new Reassembly();
    const bytes = Uint8Array.from({ length: 30 }, (_, i) => i);
    queue.insert(20, memoryOf(bytes), 20, 10);
    queue.insert(10, memoryOf(bytes), 10, 10);
    const got: number[] = [];
    const take = (memory: { bytes: Uint8Array }, offset: number, length: number): void => {
      got.push(...memory.bytes.subarray(offset, offset + length));
    };
    const target = { adopt: take, push: take };
    expect(queue.deliver(0, target)).toBe(0);
    queue.insert(0, memoryOf(bytes), 0, 10);
    expect(queue.deliver(0, target)).toBe(30);
    expect(got).toEqual([...bytes]);
  });
});

describe('RFC 7323 §2: window scaling', () => {
  it('[S-063] the shift is the smallest that can express the buffer, and at most 14', () => {
    expect([1, 65_535, 65_536, 1 << 20, 1 << 30, 2 ** 40].map((n) => ReceiveWindow.scaleFor(n))).toEqual([
      0, 0, 1, 5, 14, 14,
    ]);
    expect(new ReceiveWindow(1000, 200).scale).toBe(14);
  });

  it('[S-063] the window of a SYN is not scaled', () => {
    expect(new ReceiveWindow(1 << 20, 5).start(7)).toBe(65_535);
  });
});
