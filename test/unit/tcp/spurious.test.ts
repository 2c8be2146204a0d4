import { describe, expect, it } from 'vitest';
import { SpuriousDetector } from '../../../src/tcp/spurious.ts';

/** [0, 5000) is outstanding; [0, 1000) and [2000, 3000) were sent again, without timestamps. */
function twoSentAgain(): SpuriousDetector {
  const detector = new SpuriousDetector();
  detector.start(0, 5000);
  detector.onRetransmitted(0, 1000, -1);
  detector.onRetransmitted(2000, 3000, -1);
  return detector;
}

describe('SpuriousDetector: one answer an episode', () => {
  it('says nothing of an episode that was given up, by timestamps either', () => {
    const detector = new SpuriousDetector();
    detector.start(0, 5000);
    detector.onRetransmitted(0, 1000, 50);
    detector.stop();
    expect(detector.onAck(1000, 5000, 40, false)).toBeUndefined();
    detector.start(1000, 5000);
    detector.onRetransmitted(1000, 2000, 60);
    expect(detector.onAck(2000, 5000, 55, false)).toBe('eifel');
  });

  it('says what D-SACK has told not again when timestamps tell it, too', () => {
    const detector = new SpuriousDetector();
    detector.start(0, 5000);
    detector.onRetransmitted(0, 1000, 50);
    expect(detector.onDuplicateReported(0, 1000)).toBe('dsack');
    expect(detector.onAck(1000, 5000, 40, false)).toBeUndefined();
  });
});

describe('SpuriousDetector: D-SACK (RFC 3708)', () => {
  it('knows when every byte that was sent again is reported as duplicate, in any pieces', () => {
    const detector = twoSentAgain();
    expect(detector.onDuplicateReported(0, 1000)).toBeUndefined();
    expect(detector.onDuplicateReported(2000, 2600)).toBeUndefined();
    expect(detector.onDuplicateReported(2600, 3000)).toBe('dsack');
    expect(detector.onDuplicateReported(2600, 3000)).toBeUndefined();
  });

  it('wants each retransmission of the same bytes reported', () => {
    const detector = twoSentAgain();
    detector.onRetransmitted(0, 1000, -1);
    detector.onDuplicateReported(0, 1000);
    expect(detector.onDuplicateReported(2000, 3000)).toBeUndefined();
    expect(detector.onDuplicateReported(0, 1000)).toBe('dsack');
  });

  it("does not count duplicates of other bytes: the network's own, or of an older episode", () => {
    const detector = new SpuriousDetector();
    detector.start(3000, 9000);
    detector.onRetransmitted(3000, 4000, -1);
    expect(detector.onDuplicateReported(1000, 3000)).toBeUndefined();
    expect(detector.onDuplicateReported(4000, 9000)).toBeUndefined();
    expect(detector.onDuplicateReported(2000, 3400)).toBeUndefined();
    expect(detector.onDuplicateReported(3400, 6000)).toBe('dsack');
  });

  it('reports nothing before something was sent again', () => {
    const detector = new SpuriousDetector();
    detector.start(0, 5000);
    expect(detector.onDuplicateReported(0, 1000)).toBeUndefined();
    expect(detector.dsackSeen).toBe(true);
  });

  it('waits a round trip after the end of the episode, since the last D-SACKs come then', () => {
    const detector = twoSentAgain();
    detector.onAck(5000, 7000, -1, false);
    expect(detector.active).toBe(true);
    detector.onAck(7000, 9000, -1, false);
    expect(detector.active).toBe(true);
    expect(detector.onDuplicateReported(0, 1000)).toBeUndefined();
    expect(detector.onDuplicateReported(2000, 3000)).toBe('dsack');
    const late = twoSentAgain();
    late.onAck(5000, 7000, -1, false);
    late.onAck(7001, 9000, -1, false);
    expect(late.active).toBe(false);
    expect(late.onDuplicateReported(0, 3000)).toBeUndefined();
  });

  it('begins anew with each episode', () => {
    const detector = twoSentAgain();
    detector.onDuplicateReported(0, 1000);
    detector.start(5000, 9000);
    detector.onRetransmitted(5000, 6000, -1);
    expect(detector.onDuplicateReported(2000, 3000)).toBeUndefined();
    expect(detector.onDuplicateReported(5000, 6000)).toBe('dsack');
  });

  it('says nothing after stop', () => {
    const detector = twoSentAgain();
    detector.stop();
    detector.onRetransmitted(4000, 5000, 10);
    expect(detector.onDuplicateReported(0, 3000)).toBeUndefined();
    expect(detector.onAck(1000, 5000, 5, false)).toBeUndefined();
  });

  it('works across the wrap of sequence numbers', () => {
    const detector = new SpuriousDetector();
    const una = 2 ** 32 - 500;
    detector.start(una, 3500);
    detector.onRetransmitted(una, 500, -1);
    expect(detector.onDuplicateReported(una, 0)).toBeUndefined();
    expect(detector.onDuplicateReported(0, 500)).toBe('dsack');
  });
});
