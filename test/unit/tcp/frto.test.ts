import { describe, expect, it } from 'vitest';
import { Frto, type FrtoAck } from '../../../src/tcp/frto.ts';

const advance: FrtoAck = {
  una: 500,
  nxt: 3000,
  advanced: true,
  duplicate: false,
  sackedOriginal: 0,
  sackedEnd: 500,
  canSendNew: true,
};

describe('Frto', () => {
  it('does nothing when nothing is outstanding', () => {
    const frto = new Frto();
    expect(frto.onTimeout(1000, 1000, 'open', true)).toBe(false);
    expect(frto.active).toBe(false);
  });

  it('does nothing after cancel', () => {
    const frto = new Frto();
    frto.onTimeout(0, 3000, 'open', true);
    frto.cancel();
    expect(frto.onAck(advance)).toBe('none');
  });

  it('works across the wrap of sequence numbers', () => {
    const frto = new Frto();
    const una = 2 ** 32 - 500;
    frto.onTimeout(una, 2500, 'open', true);
    frto.onRetransmitted(500);
    expect(frto.onAck({ ...advance, una: 500, nxt: 2500, sackedEnd: 500 })).toBe('send-new');
    expect(frto.onAck({ ...advance, una: 1500, nxt: 4500, sackedEnd: 1500 })).toBe('spurious');
  });

  it('[S-081] §2.1 step 1: not again in a fast recovery, nor where something was acknowledged between', () => {
    const once = (): Frto => {
      const frto = new Frto();
      frto.onTimeout(0, 3000, 'open', true);
      return frto;
    };
    expect(once().onTimeout(0, 3000, 'loss', true)).toBe(true);
    expect(once().onTimeout(0, 3000, 'recovery', true)).toBe(false);
    expect(once().onTimeout(1000, 3000, 'loss', true)).toBe(false);
  });

  it('[S-081] §2.1 step 3b: without SACK any new acknowledgment tells, one of the new data, too', () => {
    const frto = new Frto();
    frto.onTimeout(0, 3000, 'open', false);
    frto.onRetransmitted(500);
    expect(frto.onAck(advance)).toBe('send-new');
    expect(frto.onAck({ ...advance, una: 4000, nxt: 5000, sackedEnd: 4000 })).toBe('spurious');
    const sack = new Frto();
    sack.onTimeout(0, 3000, 'open', true);
    sack.onRetransmitted(500);
    expect(sack.onAck(advance)).toBe('send-new');
    // §3.1 step 3a: with SACK it is no proof.
    expect(sack.onAck({ ...advance, una: 4000, nxt: 5000, sackedEnd: 4000 })).toBe('conventional');
  });

  it('forgets how far the last episode had sent again', () => {
    const frto = new Frto();
    frto.onTimeout(0, 9000, 'open', false);
    frto.onRetransmitted(8000);
    frto.cancel();
    frto.onTimeout(500, 9000, 'open', false);
    frto.onRetransmitted(1000);
    expect(frto.onAck({ ...advance, una: 1000, nxt: 9000, sackedEnd: 1000 })).toBe('send-new');
  });

  it('remembers all that was sent again for one segment, by whichever expiry', () => {
    const frto = new Frto();
    frto.onTimeout(0, 3000, 'open', true);
    frto.onRetransmitted(1000);
    frto.onTimeout(0, 3000, 'loss', true);
    frto.onRetransmitted(400);
    expect(frto.onAck(advance)).toBe('conventional');
  });
});
