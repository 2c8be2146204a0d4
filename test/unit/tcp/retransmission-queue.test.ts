import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seqAdd } from '../../../src/buffer/seq.ts';
import { RetransmissionQueue } from '../../../src/tcp/retransmission-queue.ts';

describe('RetransmissionQueue', () => {
  it('is empty at first', () => {
    const queue = new RetransmissionQueue();
    expect([queue.length, queue.oldestSentAt]).toEqual([0, -1]);
    expect(queue.acknowledge(100, 5)).toBe(-1);
  });

  it('gives the time of the newest record that is wholly acknowledged', () => {
    const queue = new RetransmissionQueue();
    queue.push(0, 100, 10);
    queue.push(100, 200, 20);
    queue.push(200, 300, 30);
    expect(queue.acknowledge(250, 100)).toBe(80);
    expect([queue.length, queue.oldestSentAt]).toEqual([1, 30]);
    expect(queue.acknowledge(300, 150)).toBe(120);
    expect([queue.length, queue.oldestSentAt]).toEqual([0, -1]);
  });

  it('gives nothing for a part of a record', () => {
    const queue = new RetransmissionQueue();
    queue.push(0, 100, 10);
    expect(queue.acknowledge(99, 50)).toBe(-1);
    expect(queue.length).toBe(1);
  });

  it('ignores an acknowledgement of nothing new', () => {
    const queue = new RetransmissionQueue();
    queue.push(100, 200, 10);
    queue.acknowledge(150, 20);
    expect(queue.acknowledge(150, 30)).toBe(-1);
    expect(queue.acknowledge(120, 30)).toBe(-1);
    expect(queue.acknowledge(200, 30)).toBe(20);
  });

  it('merges what is sent at the same time, but not with what was sent again at that time', () => {
    const queue = new RetransmissionQueue();
    queue.push(0, 100, 10);
    queue.push(100, 200, 10);
    expect(queue.length).toBe(1);
    queue.markRetransmitted(0, 200, 20);
    queue.push(200, 300, 20);
    expect(queue.length).toBe(2);
    queue.acknowledge(200, 25);
    expect(queue.acknowledge(300, 30)).toBe(10);
  });

  it('cuts a record where only a part is sent again', () => {
    const queue = new RetransmissionQueue();
    queue.push(0, 1000, 10);
    queue.markRetransmitted(300, 600, 50);
    expect(queue.length).toBe(3);
    expect(queue.acknowledge(300, 60)).toBe(50);
    expect(queue.oldestSentAt).toBe(50);
    expect(queue.acknowledge(600, 70)).toBe(-1);
    expect(queue.oldestSentAt).toBe(10);
    expect(queue.acknowledge(1000, 80)).toBe(70);
  });

  it('joins what is sent again together', () => {
    const queue = new RetransmissionQueue();
    for (let i = 0; i < 10; i++) queue.push(i * 100, i * 100 + 100, i);
    queue.markRetransmitted(0, 300, 50);
    queue.markRetransmitted(300, 550, 50);
    expect(queue.length).toBe(6);
    expect(queue.oldestSentAt).toBe(50);
  });

  it('ignores what is no longer outstanding', () => {
    const queue = new RetransmissionQueue();
    queue.markRetransmitted(0, 100, 5);
    expect(queue.length).toBe(0);
    queue.push(0, 100, 10);
    queue.acknowledge(50, 20);
    queue.markRetransmitted(0, 50, 30);
    expect(queue.acknowledge(100, 40)).toBe(30);
  });

  it('takes over what lies beyond its bound into the last record, with the newest time', () => {
    const queue = new RetransmissionQueue();
    for (let i = 0; i < 10_000; i++) queue.push(i, i + 1, i);
    expect(queue.length).toBe(4096);
    expect(queue.acknowledge(10_000, 10_005)).toBe(6);
  });

  it('starts again after it ran empty, wherever the sequence numbers are', () => {
    const queue = new RetransmissionQueue();
    for (let i = 0; i < 100; i++) {
      const seq = seqAdd(0xffff_ff00, i * 77);
      queue.push(seq, seqAdd(seq, 77), i);
      queue.push(seqAdd(seq, 77), seqAdd(seq, 80), i + 1);
      expect(queue.length).toBe(2);
      if (i % 2 === 0) queue.clear();
      else expect(queue.acknowledge(seqAdd(seq, 80), i + 3)).toBe(2);
      expect([queue.length, queue.oldestSentAt]).toEqual([0, -1]);
    }
  });

  it('agrees with one time and one mark a byte', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('push' as const),
        n: fc.integer({ min: 1, max: 60 }),
        wait: fc.integer({ min: 0, max: 2 }),
      }),
      fc.record({
        kind: fc.constant('again' as const),
        from: fc.integer({ min: 0, max: 300 }),
        n: fc.integer({ min: 1, max: 120 }),
        wait: fc.integer({ min: 0, max: 2 }),
      }),
      fc.record({
        kind: fc.constant('ack' as const),
        n: fc.integer({ min: 1, max: 90 }),
        wait: fc.integer({ min: 0, max: 2 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.nat({ max: 0xffff_ffff }), (steps, iss) => {
        const queue = new RetransmissionQueue();
        // One entry a byte outstanding; a record's last byte is unknown to the oracle, so samples are checked by bytes.
        let bytes: { sentAt: number; again: boolean }[] = [];
        let una = iss;
        let now = 1;
        for (const action of steps) {
          now += action.wait;
          if (action.kind === 'push') {
            const seq = seqAdd(una, bytes.length);
            queue.push(seq, seqAdd(seq, action.n), now);
            for (let i = 0; i < action.n; i++) bytes.push({ sentAt: now, again: false });
          } else if (action.kind === 'again') {
            const from = Math.min(action.from, bytes.length);
            const to = Math.min(from + action.n, bytes.length);
            queue.markRetransmitted(seqAdd(una, from), seqAdd(una, to), now);
            for (let i = from; i < to; i++) bytes[i] = { sentAt: now, again: true };
          } else {
            const n = Math.min(action.n, bytes.length);
            const covered = bytes.slice(0, n);
            const rest = bytes.slice(n);
            una = seqAdd(una, n);
            const rtt = queue.acknowledge(una, now);
            if (covered.some((byte) => byte.again)) expect(rtt).toBe(-1);
            else if (rtt !== -1) expect(covered.map((byte) => now - byte.sentAt)).toContain(rtt);
            else if (n > 0) {
              // No sample: no record ended here, all bytes covered were sent with the next one.
              const next = rest[0];
              expect(next).toBeDefined();
              expect(covered.every((byte) => byte.sentAt === next!.sentAt)).toBe(true);
            }
            if (rest.length === 0 && n > 0 && !covered.some((byte) => byte.again)) {
              expect(rtt).toBe(now - covered[n - 1]!.sentAt);
            }
            bytes = rest;
          }
          expect(queue.oldestSentAt).toBe(bytes.length === 0 ? -1 : bytes[0]!.sentAt);
          expect(queue.length).toBeLessThanOrEqual(bytes.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});
