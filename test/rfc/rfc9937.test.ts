import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Prr, recoverFlightSize } from '../../src/tcp/prr.ts';

const MSS = 1000;

function started(recoverFlight: number, ssthresh: number): Prr {
  const prr = new Prr();
  prr.start(recoverFlight, ssthresh, MSS);
  return prr;
}

/** Sends whole segments as far as the window allows; returns the bytes. */
function send(prr: Prr, pipe: number): number {
  let sent = 0;
  while (pipe + sent + MSS <= prr.window(pipe + sent)) {
    prr.onSent(MSS);
    sent += MSS;
  }
  return sent;
}

describe('RFC 9937 §6.1: initialization', () => {
  it('[S-079] RecoverFS excludes what was SACKed before and includes what the ACK that begins recovery delivers', () => {
    // 20 outstanding, 3 SACKed, of which the last by this ACK; and 2 were cumulatively acknowledged by it.
    expect(recoverFlightSize(20 * MSS, 3 * MSS, MSS + 2 * MSS)).toBe(20 * MSS);
    expect(recoverFlightSize(20 * MSS, 3 * MSS, MSS)).toBe(18 * MSS);
    expect(recoverFlightSize(20 * MSS, 0, 0)).toBe(20 * MSS);
  });
});

describe('RFC 9937 §6.2: on every ACK', () => {
  it('[S-079] one that delivers nothing and tells of a loss all the same: as the reordering timer', () => {
    const prr = started(20 * MSS, 10 * MSS);
    prr.onAck({ acked: 0, delivered: 3 * MSS, lost: MSS, pipe: 16 * MSS, mss: MSS });
    prr.onSent(2 * MSS);
    expect(prr.onAck({ acked: 0, delivered: 0, lost: 0, pipe: 17 * MSS, mss: MSS })).toBe(0);
    expect(prr.onAck({ acked: 0, delivered: 0, lost: 14 * MSS, pipe: 3 * MSS, mss: MSS })).toBe(MSS);
  });

  it('[S-079] above ssthresh: SndCnt = CEIL(prr_delivered × ssthresh / RecoverFS) − prr_out', () => {
    const prr = started(20 * MSS, 14 * MSS);
    prr.onSent(MSS);
    expect(prr.onAck({ acked: 0, delivered: 3 * MSS, lost: 0, pipe: 17 * MSS, mss: MSS })).toBe(1100);
    expect(prr.onAck({ acked: 0, delivered: 1, lost: 0, pipe: 17 * MSS, mss: MSS })).toBe(1101);
  });

  it('[S-079] at or below ssthresh without a SafeACK: the conservative reduction bound', () => {
    const prr = started(20 * MSS, 10 * MSS);
    prr.onSent(MSS);
    // Heavy losses: 12 of 20 are gone. What is delivered is what may be sent.
    expect(prr.onAck({ acked: 0, delivered: MSS, lost: 12 * MSS, pipe: 6 * MSS, mss: MSS })).toBe(MSS);
    expect(prr.onAck({ acked: MSS, delivered: MSS, lost: MSS, pipe: 4 * MSS, mss: MSS })).toBe(MSS);
  });

  it('[S-079] SND.UNA advances and no further loss is indicated: the slow-start reduction bound, one MSS more', () => {
    const prr = started(20 * MSS, 10 * MSS);
    prr.onSent(MSS);
    expect(prr.onAck({ acked: MSS, delivered: MSS, lost: 0, pipe: 4 * MSS, mss: MSS })).toBe(2 * MSS);
  });

  it('[S-079] neither bound lets the flight exceed ssthresh', () => {
    const prr = started(20 * MSS, 10 * MSS);
    prr.onSent(MSS);
    expect(prr.onAck({ acked: MSS, delivered: 5 * MSS, lost: 0, pipe: 9.5 * MSS, mss: MSS })).toBe(500);
    expect(prr.onAck({ acked: MSS, delivered: 5 * MSS, lost: 0, pipe: 10 * MSS, mss: MSS })).toBe(0);
  });

  it('an ACK that delivers nothing changes nothing', () => {
    const prr = started(20 * MSS, 10 * MSS);
    prr.onAck({ acked: 0, delivered: MSS, lost: MSS, pipe: 18 * MSS, mss: MSS });
    prr.onSent(MSS);
    expect(prr.onAck({ acked: 0, delivered: 0, lost: 0, pipe: 6 * MSS, mss: MSS })).toBe(0);
    expect(prr.delivered).toBe(MSS);
  });

  it('[S-079] forces a fast retransmit upon entering recovery, even with the flight at ssthresh', () => {
    const prr = started(20 * MSS, 10 * MSS);
    expect(prr.onAck({ acked: 0, delivered: MSS, lost: 9 * MSS, pipe: 10 * MSS, mss: MSS })).toBe(MSS);
    prr.onSent(MSS);
    expect(prr.onAck({ acked: 0, delivered: MSS, lost: 0, pipe: 10 * MSS, mss: MSS })).toBe(0);
  });

  it('[S-079] one loss: sends evenly over the round trip and ends at ssthresh (the example of a 50 % reduction)', () => {
    // 20 segments, the first lost: 19 ACKs by SACK. Recovery begins with the third.
    const prr = started(recoverFlightSize(20 * MSS, 3 * MSS, MSS), 10 * MSS);
    let pipe = 16 * MSS;
    const sent: number[] = [];
    for (let ack = 3; ack <= 19; ack++) {
      if (ack > 3) pipe -= MSS;
      prr.onAck({ acked: 0, delivered: MSS, lost: ack === 3 ? MSS : 0, pipe, mss: MSS });
      const now = send(prr, pipe);
      pipe += now;
      sent.push(now / MSS);
    }
    // Never a burst, and no silence of half a round trip as in RFC 6675.
    expect(Math.max(...sent)).toBe(1);
    expect(sent.join('')).not.toContain('000');
    expect(pipe).toBe(10 * MSS);
  });

  it('heavy losses without a SafeACK: flight stays as low as the losses made it; with SafeACKs it grows back', () => {
    const prr = started(20 * MSS, 10 * MSS);
    let pipe = 4 * MSS;
    for (let i = 0; i < 4; i++) {
      pipe -= i === 0 ? 0 : MSS;
      prr.onAck({ acked: 0, delivered: MSS, lost: MSS, pipe, mss: MSS });
      pipe += send(prr, pipe);
    }
    expect(pipe).toBe(5 * MSS);
    for (let i = 0; i < 5; i++) {
      pipe -= MSS;
      prr.onAck({ acked: MSS, delivered: MSS, lost: 0, pipe, mss: MSS });
      pipe += send(prr, pipe);
    }
    expect(pipe).toBe(10 * MSS);
  });
});

const acks = fc.array(
  fc.record({
    acked: fc.constantFrom(0, MSS),
    delivered: fc.integer({ min: 1, max: 4 * MSS }),
    lost: fc.integer({ min: 0, max: 3 * MSS }),
  }),
  { maxLength: 60 },
);

describe('RFC 9937 §5: properties', () => {
  it('the conservative bound never sends more than was delivered, but for a segment where none is in flight', () => {
    fc.assert(
      fc.property(acks, fc.integer({ min: 2, max: 40 }), (script, ssthresh) => {
        const prr = started(50 * MSS, ssthresh * MSS);
        let pipe = ssthresh * MSS;
        let sent = 0;
        let delivered = 0;
        // The fast retransmit is one, too.
        let rounding = MSS;
        for (const ack of script) {
          pipe = Math.max(0, pipe - ack.delivered - ack.lost);
          if (pipe === 0) rounding += MSS - 1;
          delivered += ack.delivered;
          prr.onAck({ ...ack, acked: 0, pipe, mss: MSS });
          const now = send(prr, pipe);
          pipe += now;
          sent += now;
          expect(sent).toBeLessThanOrEqual(delivered + rounding);
        }
      }),
    );
  });

  it('for no ACK more is sent than it delivered, what earlier ones left over, and one MSS; nor beyond ssthresh', () => {
    fc.assert(
      fc.property(acks, fc.integer({ min: 2, max: 40 }), (script, ssthresh) => {
        const prr = started(50 * MSS, ssthresh * MSS);
        let pipe = 50 * MSS;
        for (const ack of script) {
          pipe = Math.max(0, pipe - ack.delivered - ack.lost);
          const leftOver = Math.max(0, prr.delivered - prr.out);
          prr.onAck({ ...ack, pipe, mss: MSS });
          const now = send(prr, pipe);
          expect(now).toBeLessThanOrEqual(ack.delivered + leftOver + MSS);
          if (pipe <= prr.ssthresh && prr.out > now) expect(pipe + now).toBeLessThanOrEqual(prr.ssthresh);
          pipe += now;
        }
      }),
    );
  });

  it('over a recovery with no further loss, what is sent is what is delivered times ssthresh / RecoverFS', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10, max: 200 }),
        fc.double({ min: 0.5, max: 0.9, noNaN: true }),
        fc.array(fc.integer({ min: 50, max: 3000 }), { minLength: 1, maxLength: 30 }),
        (segments, factor, sizes) => {
          const flight = segments * MSS;
          const ssthresh = Math.floor(flight * factor);
          const prr = started(flight, ssthresh);
          // The first segment is lost, the rest of the flight arrives in ACKs of any size.
          let pipe = flight - MSS;
          let toCome = flight - MSS;
          for (let i = 0; toCome > 0; i++) {
            const delivered = Math.min(sizes[i % sizes.length]!, toCome);
            toCome -= delivered;
            pipe -= delivered;
            prr.onAck({ acked: 0, delivered, lost: 0, pipe, mss: MSS });
            const reducing = pipe > ssthresh;
            pipe += send(prr, pipe);
            if (!reducing) continue;
            const due = (prr.delivered * ssthresh) / flight;
            expect(prr.out).toBeGreaterThan(due - MSS);
            expect(prr.out).toBeLessThan(due + MSS + 1);
          }
          expect(Math.abs(pipe - ssthresh)).toBeLessThan(2 * MSS);
        },
      ),
    );
  });
});
