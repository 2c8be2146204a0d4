import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seqAdd, seqDiff } from '../../../src/buffer/seq.ts';
import { ReceiveWindow } from '../../../src/tcp/receive-window.ts';

const MSS = 1000;

describe('ReceiveWindow', () => {
  it('offers the whole buffer when nothing is buffered', () => {
    const window = new ReceiveWindow(10_000, 0);
    expect(window.advertise(500, 0, MSS)).toBe(10_000);
    expect(window.rightEdge).toBe(10_500);
  });

  it('keeps the right edge while unread data fills the buffer, down to zero', () => {
    const window = new ReceiveWindow(10_000, 0);
    window.advertise(0, 0, MSS);
    for (let received = 1000; received <= 10_000; received += 1000) {
      expect(window.advertise(received, received, MSS)).toBe(10_000 - received);
      expect(window.rightEdge).toBe(10_000);
    }
  });

  it('does not take back what was offered when the buffer becomes smaller', () => {
    const window = new ReceiveWindow(10_000, 0);
    window.advertise(0, 0, MSS);
    window.bufferSize = 4000;
    expect(window.advertise(1000, 1000, MSS)).toBe(9000);
    expect(window.advertise(8000, 0, MSS)).toBe(4000);
  });

  it('does not shrink for data kept out of order', () => {
    const window = new ReceiveWindow(10_000, 0);
    window.advertise(0, 0, MSS);
    expect(window.advertise(1000, 5000, MSS)).toBe(9000);
  });

  it('offers at most what the field can say', () => {
    expect(new ReceiveWindow(1_000_000, 0).advertise(0, 0, MSS)).toBe(65_535);
    expect(new ReceiveWindow(1_000_000, 3).advertise(0, 0, MSS)).toBe(65_535 * 8);
    expect(new ReceiveWindow(2 ** 31, 15).scale).toBe(14);
  });

  it('rounds down to the scale when it opens', () => {
    const window = new ReceiveWindow(10_005, 4);
    expect(window.advertise(0, 0, MSS)).toBe(10_000);
  });

  it('rounds up to the scale when it must not shrink', () => {
    const window = new ReceiveWindow(10_240, 4);
    window.advertise(0, 0, MSS);
    expect(window.advertise(1001, 1001, MSS)).toBe(9248);
    expect(window.rightEdge).toBe(10_249);
  });

  it('offers 65,535 bytes at most in a SYN, and the scaled window afterwards', () => {
    const window = new ReceiveWindow(500_000, 3);
    expect(window.start(100)).toBe(65_535);
    expect(window.rightEdge).toBe(65_635);
    expect(window.advertise(100, 0, MSS)).toBe(500_000);
    expect(new ReceiveWindow(5000, 0).start(0)).toBe(5000);
  });

  it('learns the place of the window when the peer has told its sequence number', () => {
    const window = new ReceiveWindow(5000, 0);
    window.start(0);
    window.start(0x9000_0000);
    expect(window.rightEdge).toBe(0x9000_0000 + 5000);
    expect(window.acceptable(0x9000_0000, 0x9000_0000, 100)).toBe(true);
  });

  it('gives a sufficient scale', () => {
    const scales = [0, 65_535, 65_536, 131_070, 131_071, 524_288, 2 ** 30, 2 ** 40].map((n) =>
      ReceiveWindow.scaleFor(n),
    );
    expect(scales).toEqual([0, 0, 1, 1, 2, 4, 14, 14]);
  });

  describe('updateDue', () => {
    it('waits for a segment when the window was closed', () => {
      const window = new ReceiveWindow(10_000, 0);
      window.advertise(0, 0, MSS);
      window.advertise(10_000, 10_000, MSS);
      expect(window.updateDue(10_000, 10_000, MSS)).toBe(false);
      expect(window.updateDue(10_000, 9001, MSS)).toBe(false);
      expect(window.updateDue(10_000, 9000, MSS)).toBe(true);
    });

    it('waits for half of a buffer that is smaller than two segments', () => {
      const window = new ReceiveWindow(1000, 0);
      window.advertise(0, 0, MSS);
      window.advertise(1000, 1000, MSS);
      expect(window.updateDue(1000, 501, MSS)).toBe(false);
      expect(window.updateDue(1000, 500, MSS)).toBe(true);
    });

    it('waits until the window doubles', () => {
      const window = new ReceiveWindow(10_000, 0);
      window.advertise(0, 0, MSS);
      window.advertise(7000, 7000, MSS);
      expect(window.updateDue(7000, 4001, MSS)).toBe(false);
      expect(window.updateDue(7000, 4000, MSS)).toBe(true);
    });

    it('is not due while more than half of the buffer is offered', () => {
      const window = new ReceiveWindow(10_000, 0);
      window.advertise(0, 0, MSS);
      window.advertise(4000, 4000, MSS);
      expect(window.updateDue(4000, 0, MSS)).toBe(false);
    });

    it('is not due again once the update was sent', () => {
      const window = new ReceiveWindow(10_000, 0);
      window.advertise(0, 0, MSS);
      window.advertise(10_000, 10_000, MSS);
      window.advertise(10_000, 0, MSS);
      expect(window.updateDue(10_000, 0, MSS)).toBe(false);
    });

    it('is not due when the field could not say more', () => {
      const window = new ReceiveWindow(1_000_000, 0);
      window.advertise(0, 0, MSS);
      expect(window.updateDue(0, 0, MSS)).toBe(false);
    });
  });

  it('never moves its edge back, never offers what can’t be written, and overcommits by an eighth at most', () => {
    const step = fc.record({ arrive: fc.integer({ min: 0, max: 3000 }), read: fc.integer({ min: 0, max: 4000 }) });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 100 }),
        fc.integer({ min: 2000, max: 100_000 }),
        fc.integer({ min: 0, max: 8 }),
        fc.integer({ min: 1, max: 1500 }),
        fc.nat({ max: 0xffff_ffff }),
        (steps, bufferSize, scale, mss, irs) => {
          const window = new ReceiveWindow(bufferSize, scale);
          let nxt = irs;
          let buffered = 0;
          let offered = window.advertise(nxt, 0, mss);
          for (const { arrive, read } of steps) {
            const before = window.rightEdge;
            const n = Math.min(arrive, offered);
            nxt = seqAdd(nxt, n);
            buffered = Math.max(0, buffered + n - read);
            offered = window.advertise(nxt, buffered, mss);
            expect(offered % 2 ** scale).toBe(0);
            expect(offered).toBeGreaterThanOrEqual(0);
            expect(offered / 2 ** scale).toBeLessThanOrEqual(65_535);
            expect(seqDiff(window.rightEdge, before)).toBeGreaterThanOrEqual(0);
            // The edge told to the peer may fall behind by less than a unit of the scale (RFC 7323 §2.4).
            expect(seqDiff(window.rightEdge, seqAdd(nxt, offered))).toBeLessThan(2 ** scale);
            expect(buffered + offered).toBeLessThanOrEqual(bufferSize * 1.125 + 2 ** scale);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('closes at last for a sender of single bytes, whatever the scale', () => {
    const window = new ReceiveWindow(4096, 6);
    let received = 0;
    while (window.advertise(received, received, MSS) > 0 && received < 10_000) received++;
    expect(received).toBeGreaterThanOrEqual(4096);
    expect(received).toBeLessThanOrEqual(4096 * 1.125);
  });
});

describe('RFC 9293 §3.10.7.4: the acceptability test', () => {
  it('with a window of zero a segment without text is acceptable at RCV.NXT, and nowhere else', () => {
    const window = new ReceiveWindow(1000, 0);
    window.advertise(0, 0, MSS);
    window.advertise(1000, 1000, MSS);
    expect([999, 1000, 1001].map((seq) => window.acceptable(1000, seq, 0))).toEqual([false, true, false]);
    expect(window.acceptable(1000, 1000, 1)).toBe(false);
  });
});

describe('RFC 7323 §2.4: a window that its scale can not express', () => {
  it('[SHLD-14] RFC 9293 §3.8.6: what was offered once stays acceptable where the field must say less', () => {
    const window = new ReceiveWindow(1000, 7);
    let edge = 0;
    for (let received = 0; received < 400; received++) {
      window.advertise(received, received, MSS);
      expect(window.rightEdge).toBeGreaterThanOrEqual(edge);
      edge = window.rightEdge;
    }
  });

  it('[SHLD-14] opening it by less than a unit takes nothing back', () => {
    const window = new ReceiveWindow(131_072, 14);
    window.advertise(0, 0, MSS);
    // 18,000 bytes are free, 17,000 of them offered already: rounded down it would be 16,384.
    expect(window.advertise(114_072, 113_072, MSS)).toBe(2 * 16_384);
  });

  it('[MUST-39] rounding up is no reason to tell the peer of more room', () => {
    const window = new ReceiveWindow(10_000, 4);
    window.advertise(0, 0, MSS);
    expect(window.updateDue(8999, 7000, 9000)).toBe(false);
  });
});
