import { describe, expect, it } from 'vitest';
import { Ecn } from '../../../src/tcp/ecn.ts';
import type { EcnMode } from '../../../src/tcp/ecn.ts';
import { TcpFlag } from '../../../src/wire/tcp.ts';

const { SYN, ACK, ECE, CWR, AE } = TcpFlag;
const SETUP = SYN | ECE | CWR;

/** After our SYN and the peer's SYN-ACK. */
function opened(options: { mode?: EcnMode; answer?: number; again?: boolean; reacts?: boolean } = {}): Ecn {
  const { mode = 'request', answer = ECE, again = false, reacts = true } = options;
  const ecn = new Ecn(mode);
  ecn.onSynSent(false, false);
  if (again) ecn.onSynSent(false, true);
  ecn.onSyn(SYN | ACK | answer);
  ecn.agree(reacts);
  return ecn;
}

/** After the peer's SYN and our SYN-ACK. */
function answered(mode: EcnMode, syn: number): { ecn: Ecn; flags: number } {
  const ecn = new Ecn(mode);
  ecn.onSyn(syn);
  const flags = ecn.onSynSent(true, false);
  ecn.agree(true);
  return { ecn, flags };
}

describe('Ecn: what the SYNs agree on', () => {
  it.each([
    ['off', 0],
    ['accept', 0],
    ['request', ECE | CWR],
  ] as const)('[S-086] %s: a SYN has bits %d', (mode, flags) => {
    expect(new Ecn(mode).onSynSent(false, false)).toBe(flags);
  });

  it.each([
    ['off', SETUP, 0],
    ['accept', SETUP, ECE],
    ['request', SETUP, ECE],
    ['accept', SYN, 0],
    ['accept', SYN | ECE, 0],
    ['accept', SYN | CWR, 0],
  ] as const)('[S-086] %s: a SYN with flags %d is answered with bits %d', (mode, syn, flags) => {
    const made = answered(mode, syn);
    expect(made.flags).toBe(flags);
    expect(made.ecn.active).toBe(flags !== 0);
  });

  it.each([
    [ECE, true],
    [0, false],
    [CWR, false],
    [ECE | CWR, false],
  ])('[S-086] a SYN-ACK with bits %d agrees: %s', (answer, active) => {
    expect(opened({ answer }).active).toBe(active);
    expect(opened({ answer, mode: 'accept' }).active).toBe(false);
  });

  it('[S-087] the AE bit is neither set nor looked at', () => {
    const { ecn, flags } = answered('accept', SETUP | AE);
    expect([flags, ecn.active]).toEqual([ECE, true]);
    expect(opened({ answer: ECE | AE }).active).toBe(true);
    expect(new Ecn('request').onSynSent(false, false) & AE).toBe(0);
  });

  it('[S-086] a SYN sent again does not ask, and then nothing may be marked, but marks are echoed', () => {
    const ecn = opened({ again: true });
    expect(ecn.active).toBe(false);
    expect(ecn.codepoint(true)).toBe(0);
    ecn.onArrival(true, ACK);
    expect(ecn.echoing).toBe(true);
  });

  it('[S-086] a peer whose SYN comes again without ECN is answered without it', () => {
    const { ecn } = answered('accept', SETUP);
    ecn.onSyn(SYN);
    expect(ecn.onSynSent(true, true)).toBe(0);
    ecn.agree(true);
    expect(ecn.active).toBe(false);
    ecn.onArrival(true, ACK);
    expect(ecn.echoing).toBe(false);
  });

  it('a simultaneous open agrees when both have asked, not when one had not', () => {
    const both = new Ecn('request');
    both.onSynSent(false, false);
    both.onSyn(SETUP);
    expect(both.onSynSent(true, true)).toBe(ECE);
    both.agree(true);
    expect(both.active).toBe(true);
    const one = new Ecn('accept');
    one.onSynSent(false, false);
    one.onSyn(SETUP);
    expect(one.onSynSent(true, true)).toBe(0);
  });

  it('sends nothing that may be marked when congestion control would not answer, but echoes', () => {
    const ecn = opened({ reacts: false });
    expect(ecn.active).toBe(false);
    ecn.onArrival(true, ACK);
    expect(ecn.flags(false)).toBe(ECE);
  });

  it('tries once more without ECN after a refusal', () => {
    const ecn = new Ecn('request');
    ecn.onSynSent(false, false);
    expect(ecn.mayRetry).toBe(true);
    expect(ecn.onSynSent(false, true)).toBe(0);
    expect(ecn.mayRetry).toBe(false);
    const plain = new Ecn('accept');
    plain.onSynSent(false, false);
    expect(plain.mayRetry).toBe(false);
  });
});

describe('Ecn: the receiver', () => {
  it('[S-086] echoes a mark until CWR', () => {
    const { ecn } = answered('accept', SETUP);
    ecn.onArrival(false, ACK);
    expect(ecn.flags(false)).toBe(0);
    ecn.onArrival(true, ACK);
    ecn.onArrival(false, ACK);
    expect([ecn.flags(false), ecn.flags(true)]).toEqual([ECE, ECE]);
    ecn.onArrival(false, ACK | CWR);
    expect(ecn.flags(false)).toBe(0);
    expect(ecn.marks).toBe(1);
  });

  it('[S-086] a mark on what says CWR is a new one', () => {
    const { ecn } = answered('accept', SETUP);
    ecn.onArrival(true, ACK | CWR);
    expect(ecn.echoing).toBe(true);
  });

  it('ignores marks when nothing was agreed on', () => {
    const { ecn } = answered('accept', SYN);
    ecn.onArrival(true, ACK);
    expect([ecn.echoing, ecn.marks]).toEqual([false, 0]);
  });
});

describe('Ecn: the sender', () => {
  it('[S-086] ECT(0) is for new data only', () => {
    const ecn = opened();
    expect([ecn.codepoint(true), ecn.codepoint(false)]).toEqual([2, 0]);
  });

  it('[S-086] reduces once a window, and says CWR with new data only', () => {
    const ecn = opened();
    expect(ecn.flags(true)).toBe(0);
    expect(ecn.onEcho(10_000)).toBe(true);
    expect([ecn.flags(true), ecn.flags(false)]).toEqual([CWR, 0]);
    for (const una of [2000, 9000, 10_000]) {
      ecn.onAck(una);
      expect(ecn.onEcho(15_000)).toBe(false);
    }
    ecn.onAck(10_001);
    expect(ecn.onEcho(20_000)).toBe(true);
  });

  it('[S-086] counts a loss and a mark of one window once', () => {
    const ecn = opened();
    expect(ecn.onEcho(10_000)).toBe(true);
    expect(ecn.onLoss(9999, 12_000)).toBe(false);
    // What says CWR stands at 10,000: its loss is another.
    expect(ecn.onLoss(10_000, 20_000)).toBe(true);
    ecn.onAck(20_000);
    expect(ecn.onEcho(25_000)).toBe(false);
    expect(ecn.onLoss(20_000, 26_000)).toBe(true);
  });

  it('[S-086] a timeout reduces in any case, and takes the place of marks', () => {
    const ecn = opened();
    ecn.onTimeout(10_000);
    expect(ecn.flags(true)).toBe(CWR);
    expect(ecn.onEcho(10_000)).toBe(false);
    ecn.onAck(10_001);
    expect(ecn.onEcho(11_000)).toBe(true);
  });

  it('a loss that was none hides no mark', () => {
    const ecn = opened();
    ecn.onLoss(1, 10_000);
    ecn.onSpurious();
    expect(ecn.onEcho(10_000)).toBe(true);
    ecn.onSpurious();
    expect(ecn.onEcho(10_000)).toBe(false);
  });

  it('[S-086] a loss in whose window a mark was told of stays one', () => {
    const ecn = opened();
    ecn.onLoss(1, 10_000);
    expect(ecn.marked).toBe(false);
    ecn.onEchoArrived();
    ecn.onTimeout(12_000);
    expect([ecn.marked, ecn.echoes]).toEqual([true, 1]);
    ecn.onAck(12_001);
    ecn.onLoss(12_001, 20_000);
    expect(ecn.marked).toBe(false);
  });

  it('answers losses, and says nothing, without ECN', () => {
    const ecn = opened({ answer: 0 });
    expect([ecn.onLoss(1, 10), ecn.onLoss(1, 10), ecn.onEcho(10)]).toEqual([true, true, false]);
    ecn.onTimeout(10);
    expect([ecn.flags(true), ecn.codepoint(true)]).toEqual([0, 0]);
  });

  it('is not misled when the numbers go half around without a mark', () => {
    const ecn = opened();
    ecn.onEcho(1000);
    ecn.onAck(2000);
    expect(ecn.onEcho(0x9000_0000)).toBe(true);
  });
});

describe('Ecn: marks and losses of one window', () => {
  it('[S-086] RFC 3168 §6.1.1: who has not asked owes no echo, whatever the answer says', () => {
    const ecn = opened({ mode: 'accept' });
    ecn.onArrival(true, 0);
    expect([ecn.active, ecn.echoing, ecn.marks]).toEqual([false, false, 0]);
  });

  it('[S-086] RFC 3168 §6.1.2: a loss behind the data of a mark is answered, one within it is not', () => {
    const ecn = opened();
    expect(ecn.onEcho(1000)).toBe(true);
    expect(ecn.onLoss(500, 2000)).toBe(false);
    expect(ecn.onLoss(1000, 2000)).toBe(true);
  });

  it('a loss that was none stands for no other of the same window', () => {
    const ecn = opened();
    expect(ecn.onLoss(0, 1000)).toBe(true);
    ecn.onSpurious();
    expect(ecn.onLoss(500, 1000)).toBe(true);
  });

  it('RFC 4015 §3.1: a timeout of a window that was marked, too, can’t be taken back', () => {
    const ecn = opened();
    ecn.onEchoArrived();
    ecn.onEcho(1000);
    expect(ecn.marked).toBe(true);
    ecn.onTimeout(1000);
    expect(ecn.marked).toBe(true);
    // Once that window is acknowledged marks of before don't count.
    ecn.onAck(1001);
    ecn.onTimeout(2000);
    expect(ecn.marked).toBe(false);
  });
});
