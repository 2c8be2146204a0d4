import { describe, expect, it } from 'vitest';
import { TailLossProbe } from '../../../src/tcp/tail-loss-probe.ts';

describe('RFC 8985 §7.3: when a probe may be sent', () => {
  it('[S-080] not while one is out, nor before a round-trip time was measured since', () => {
    const probe = new TailLossProbe();
    expect(probe.ready).toBe(true);
    probe.onSent(5000, 5000, true);
    probe.onSample();
    expect(probe.ready).toBe(false);
    probe.clear();
    expect(probe.ready).toBe(true);
    probe.onSent(5000, 5000, true);
    probe.clear();
    expect(probe.ready).toBe(false);
  });
});

describe('RFC 8985 §7.4.2: what an ACK says of a probe', () => {
  it('[S-080] nothing where none is out', () => {
    expect(new TailLossProbe().onAck(5000, true, true)).toBe('none');
  });

  it.each([false, true])('[S-080] nothing below TLP.end_seq; a retransmission: %s', (isRetrans) => {
    const probe = new TailLossProbe();
    probe.onSent(5000, 5000, isRetrans);
    expect(probe.onAck(4000, false, true)).toBe('none');
    expect(probe.endSeq).toBe(5000);
  });

  it.each([
    [false, 'none'],
    [true, 'done'],
  ])(
    '[S-080] a D-SACK of what it repeated: original and probe have arrived; a retransmission: %s',
    (isRetrans, said) => {
      const probe = new TailLossProbe();
      probe.onSent(5000, 5000, isRetrans);
      // Of new data that was never sent again the network has made two.
      expect(probe.onAck(4000, true, false)).toBe(said);
    },
  );

  it('[S-080] new data needs no more than to be acknowledged', () => {
    const probe = new TailLossProbe();
    probe.onSent(5000, 5000, false);
    expect(probe.onAck(5000, false, false)).toBe('done');
    expect(probe.onAck(6000, false, false)).toBe('none');
  });
});
