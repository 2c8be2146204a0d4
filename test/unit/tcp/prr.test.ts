import { describe, expect, it } from 'vitest';
import { Prr, recoverFlightSize } from '../../../src/tcp/prr.ts';

const MSS = 1000;

/** An ACK that delivers `delivered` bytes by SACK and leaves `pipe`. */
function sack(delivered: number, pipe: number, lost = 0) {
  return { acked: 0, delivered, lost, pipe, mss: MSS };
}

function started(recoverFlight: number, ssthresh: number): Prr {
  const prr = new Prr();
  prr.start(recoverFlight, ssthresh, MSS);
  return prr;
}

describe('Prr', () => {
  it('grants one segment at the start, so that a timer may begin a recovery, too', () => {
    const prr = started(10 * MSS, 5 * MSS);
    expect(prr.credit).toBe(MSS);
    expect(prr.window(9 * MSS)).toBe(10 * MSS);
  });

  it('grants a whole segment for the fast retransmit where the proportion would give a part of one', () => {
    const prr = started(10 * MSS, 7 * MSS);
    expect(prr.onAck(sack(MSS, 9 * MSS))).toBe(MSS);
  });

  it('counts what a batch has delivered before the ACK that begins it', () => {
    const [each, batch] = [started(20 * MSS, 10 * MSS), new Prr()];
    for (let i = 0; i < 12; i++) each.onSent(each.onAck(sack(MSS, 19 * MSS)));
    batch.start(8 * MSS, 10 * MSS, MSS, 12 * MSS);
    // Of twenty outstanding twelve are delivered: at once or one by one, the flight goes down to ssthresh.
    expect(batch.recoverFlight).toBe(20 * MSS);
    expect(batch.onAck(sack(MSS, 7 * MSS))).toBe(3 * MSS);
    expect(each.out).toBeGreaterThanOrEqual(6 * MSS);
  });

  it('lets go of credit with what is sent and never below 0', () => {
    const prr = started(10 * MSS, 5 * MSS);
    prr.onSent(400);
    expect([prr.out, prr.credit]).toEqual([400, 600]);
    prr.onSent(700);
    expect([prr.out, prr.credit]).toEqual([1100, 0]);
  });

  it('keeps parts of a segment until they are one', () => {
    const prr = started(10 * MSS, 5 * MSS);
    prr.onAck(sack(MSS, 9 * MSS));
    prr.onSent(MSS);
    // 1000 sent for 1000 delivered: 500 ahead of the proportion.
    const credits = [9, 8, 7].map((pipe) => prr.onAck(sack(MSS, pipe * MSS)));
    expect(credits).toEqual([0, 500, 1000]);
  });

  it('answers a stretch ACK with as much as the ACKs it stands for', () => {
    const [each, stretched] = [started(20 * MSS, 10 * MSS), started(20 * MSS, 10 * MSS)];
    for (const prr of [each, stretched]) {
      prr.onAck(sack(MSS, 18 * MSS));
      prr.onSent(MSS);
    }
    for (let i = 0; i < 5; i++) each.onAck(sack(MSS, (17 - i) * MSS));
    stretched.onAck(sack(5 * MSS, 13 * MSS));
    expect(stretched.credit).toBe(each.credit);
    expect(stretched.credit).toBe(2 * MSS);
  });

  it('begins anew when a lost retransmission is a new congestion event', () => {
    const prr = started(10 * MSS, 5 * MSS);
    prr.onAck(sack(4 * MSS, 6 * MSS));
    prr.onSent(2 * MSS);
    prr.start(6 * MSS, 3 * MSS, MSS);
    expect([prr.ssthresh, prr.recoverFlight, prr.delivered, prr.out, prr.credit]).toEqual([3000, 6000, 0, 0, 1000]);
  });

  it('sends one segment when a timer finds everything lost, and what the ACKs so far have earned when that is more', () => {
    const prr = started(10 * MSS, 5 * MSS);
    prr.onAck(sack(MSS, 8 * MSS));
    prr.onSent(MSS);
    expect(prr.onLossTimer(0, MSS)).toBe(MSS);
    prr.onAck(sack(4 * MSS, 4 * MSS));
    expect(prr.onLossTimer(0, MSS)).toBe(4 * MSS);
  });

  it('[S-079] RFC 9937 §6.2: an ACK that delivers nothing gives nothing, and takes nothing that was not used', () => {
    const prr = started(10 * MSS, 5 * MSS);
    // SafeACK: one segment beyond what is delivered.
    expect(prr.onAck({ acked: MSS, delivered: MSS, lost: 0, pipe: 3 * MSS, mss: MSS })).toBe(2 * MSS);
    expect(prr.onAck(sack(0, 3 * MSS))).toBe(2 * MSS);
    prr.onSent(2 * MSS);
    expect(prr.onAck(sack(0, 3 * MSS))).toBe(0);
  });

  it('survives a RecoverFS of nothing', () => {
    const prr = started(recoverFlightSize(0, 0, 0), 2 * MSS);
    expect(prr.onAck(sack(MSS, 3 * MSS))).toBeGreaterThan(0);
    expect(Number.isFinite(prr.credit)).toBe(true);
  });
});
