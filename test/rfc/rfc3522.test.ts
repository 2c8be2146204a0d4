import { describe, expect, it } from 'vitest';
import { SpuriousDetector } from '../../src/tcp/spurious.ts';

/** [0, 5000) is outstanding; its first segment was sent again with TSval 100. */
function retransmitted(): SpuriousDetector {
  const detector = new SpuriousDetector();
  detector.start(0, 5000);
  detector.onRetransmitted(0, 1000, 100);
  return detector;
}

describe('RFC 3522 §3.2: the Eifel detection algorithm', () => {
  it('[S-082] step 4: the first acceptable ACK echoes a time before the retransmission: spurious', () => {
    const detector = retransmitted();
    expect(detector.onAck(1000, 5000, 99, false)).toBe('eifel');
    expect(detector.active).toBe(false);
  });

  it('[S-082] step 4: "smaller than" is meant: the same time is no proof', () => {
    const detector = retransmitted();
    expect(detector.onAck(1000, 5000, 100, false)).toBeUndefined();
  });

  it('[S-082] steps 3 and 4: the first acceptable ACK alone decides', () => {
    const detector = retransmitted();
    expect(detector.onAck(1000, 5000, 101, false)).toBeUndefined();
    expect(detector.onAck(2000, 5000, 50, false)).toBeUndefined();
  });

  it('[S-082] step 2: RetransmitTS is not overwritten by later retransmissions of the episode', () => {
    const detector = retransmitted();
    detector.onRetransmitted(0, 1000, 300);
    detector.onRetransmitted(1000, 2000, 400);
    expect(detector.onAck(1000, 5000, 200, false)).toBeUndefined();
    const other = retransmitted();
    other.onRetransmitted(0, 1000, 300);
    expect(other.onAck(1000, 5000, 99, false)).toBe('eifel');
  });

  it('[S-082] step 5: an ACK with a D-SACK is the answer to the retransmission (all ACKs were lost)', () => {
    const detector = retransmitted();
    expect(detector.onAck(1000, 5000, 50, true)).toBeUndefined();
  });

  it('[S-082] step 5: an ACK of all outstanding data is one, too, unless the peer is known to send D-SACKs', () => {
    const detector = retransmitted();
    expect(detector.onAck(5000, 5000, 50, false)).toBeUndefined();
    const known = new SpuriousDetector();
    known.onDuplicateReported(7000, 8000);
    known.start(0, 5000);
    known.onRetransmitted(0, 1000, 100);
    expect(known.onAck(5000, 5000, 50, false)).toBe('eifel');
  });

  it('[S-082] step 2: what an episode before has sent again is answered first, and says nothing of this one', () => {
    const detector = new SpuriousDetector();
    // The last retransmission of the episode before, [0, 1000) with TSval 98, is still on its way.
    detector.start(0, 5000);
    detector.onRetransmitted(2000, 3000, 100);
    expect(detector.onAck(2000, 5000, 98, false)).toBeUndefined();
    expect(detector.active).toBe(true);
  });

  it('compares timestamps across their wrap', () => {
    const detector = new SpuriousDetector();
    detector.start(0, 5000);
    detector.onRetransmitted(0, 1000, 5);
    expect(detector.onAck(1000, 5000, 2 ** 32 - 3, false)).toBe('eifel');
  });

  it('takes no part without timestamps', () => {
    const unsent = new SpuriousDetector();
    unsent.start(0, 5000);
    unsent.onRetransmitted(0, 1000, -1);
    expect(unsent.onAck(1000, 5000, 0, false)).toBeUndefined();
    expect(retransmitted().onAck(1000, 5000, -1, false)).toBeUndefined();
  });

  it('waits for the retransmission: an ACK before it decides nothing', () => {
    const detector = new SpuriousDetector();
    detector.start(0, 5000);
    expect(detector.onAck(1000, 5000, 50, false)).toBeUndefined();
    detector.onRetransmitted(1000, 2000, 100);
    expect(detector.onAck(2000, 5000, 99, false)).toBe('eifel');
  });

  it('[S-082] §3.1: an ACK answers the retransmission only when nothing older is waited for', () => {
    const detector = new SpuriousDetector();
    detector.start(0, 5000);
    // [0, 1000) is only late; [2000, 3000) is lost, sent again, and arrives first. The ACK echoes what was late.
    detector.onRetransmitted(2000, 3000, 100);
    expect(detector.onAck(4000, 6000, 50, false)).toBeUndefined();
    expect(detector.active).toBe(true);
  });
});
