import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seqAdd } from '../../../src/buffer/seq.ts';
import { HOLD } from '../../../src/tcp/mtu-search.ts';
import type { PathMtuMode } from '../../../src/tcp/path-mtu.ts';
import { PathMtu } from '../../../src/tcp/path-mtu.ts';

const SECOND = 1_000_000;
const HEADERS = 40;
const RTT = 50_000;
/** Shortly before the numbers wrap. */
const ISS = 0xffff_f000;

/**
 * A bulk sender over a path that swallows packets above `hole` without a word: a window of packets a round trip, what
 * is lost behind others is noticed a round trip later, what is lost altogether by timeouts.
 */
class Model {
  readonly mtu: PathMtu;
  hole: number;
  now: number = 0;
  una: number = ISS;
  timeouts: number = 0;
  totalTimeouts: number = 0;
  probes: { size: number; passed: boolean; at: number }[] = [];

  constructor(hole: number, mode: PathMtuMode = 'auto', link: number = 1500) {
    this.mtu = new PathMtu(4, mode, link);
    this.hole = hole;
  }

  /** One round trip; the link's MTU may have changed. */
  round(link: number = 1500): void {
    const { mtu } = this;
    mtu.follow(this.now, link, link);
    const cwnd = Math.max(40_000, 12 * mtu.limit);
    const pause = (cwnd / mtu.limit) * RTT;
    const tried = this.timeouts > 0 ? 0 : mtu.probeSize(this.now, 1 << 20, 1 << 20, cwnd, 0, HEADERS);
    const sizes = [...(tried > 0 ? [tried] : []), ...(this.timeouts > 0 ? [mtu.limit] : Array(8).fill(mtu.limit))];
    let seq = this.una;
    const sent = sizes.map((size) => {
      const end = seqAdd(seq, size - HEADERS);
      mtu.onSent(seq, end, size);
      if (size === tried) mtu.onProbeSent(seq, end, size);
      const packet = { seq, end, passed: size <= this.hole };
      seq = end;
      return packet;
    });
    this.now += RTT;
    if (tried > 0) this.probes.push({ size: tried, passed: tried <= this.hole, at: this.now });
    if (!sent.some(({ passed }) => passed)) return this.#timeout();
    this.timeouts = 0;
    for (const { seq: from, end, passed } of sent) {
      if (!passed) {
        mtu.onProbeLost(this.now, pause);
        mtu.onSent(from, end, mtu.limit);
      }
      this.una = end;
      mtu.onAcked(end);
    }
  }

  #timeout(): void {
    this.timeouts++;
    this.totalTimeouts++;
    this.now += SECOND * Math.min(2 ** this.timeouts, 120);
    this.mtu.onTimeout(this.now, this.una, this.timeouts, this.mtu.limit, false, RTT);
  }

  /** Rounds until the size stays, or time is up. */
  run(us: number, link: number = 1500): void {
    const end = this.now + us;
    while (this.now < end) this.round(link);
  }
}

describe('RFC 4821 as a closed loop: sender and path', () => {
  it('[S-054] finds a silent black hole of 1,400 bytes, exactly, within a minute', () => {
    const model = new Model(1400);
    model.run(60 * SECOND);
    expect(model.mtu.limit).toBe(1400);
    // Three timeouts, once; and no more lost probes than a binary search would have.
    expect(model.totalTimeouts).toBe(3);
    expect(model.probes.filter(({ passed }) => !passed).length).toBeLessThanOrEqual(5);
    expect(model.probes.slice(0, 2).map(({ size }) => size)).toEqual([1280, 1400]);
  });

  it('[S-054] property: finds any black hole to within eight bytes, without a further stall', () => {
    const holes = fc.integer({ min: 576, max: 9000 });
    fc.assert(
      fc.property(holes, fc.constantFrom<PathMtuMode>('auto', 'probe'), (hole, mode) => {
        const model = new Model(hole, mode, 9000);
        model.run(900 * SECOND, 9000);
        expect(model.mtu.limit).toBeLessThanOrEqual(hole);
        expect(model.mtu.limit).toBeGreaterThan(hole - 8);
        expect(model.timeouts).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('[S-054] gets through a path that is narrower than any should be, before R2', () => {
    const model = new Model(296);
    model.run(900 * SECOND);
    expect(model.timeouts).toBe(0);
    model.run(900 * SECOND);
    expect(model.mtu.limit).toBeLessThanOrEqual(296);
    expect(model.mtu.limit).toBeGreaterThan(288);
  });

  it('[S-054] searches from below from the beginning in mode `probe`, up to the very link', () => {
    const model = new Model(1500, 'probe');
    expect(model.mtu.limit).toBe(1064);
    model.run(10 * SECOND);
    expect(model.mtu.limit).toBe(1500);
    expect(model.totalTimeouts).toBe(0);
    expect(model.probes.every(({ passed }) => passed)).toBe(true);
  });

  it('[S-054] [S-052] notices after ten minutes that the path has grown, and not before', () => {
    const model = new Model(1400);
    model.run(60 * SECOND);
    const failures = model.probes.filter(({ passed }) => !passed);
    const last = failures.at(-1)!.at;
    model.hole = 1500;
    model.run(last + 590 * SECOND - model.now);
    expect(model.mtu.limit).toBe(1400);
    model.run(60 * SECOND);
    expect(model.mtu.limit).toBe(1500);
  });

  it('falls again when the path shrinks under what was found', () => {
    const model = new Model(1400);
    model.run(60 * SECOND);
    model.hole = 600;
    model.run(300 * SECOND);
    expect(model.mtu.limit).toBeLessThanOrEqual(600);
    expect(model.mtu.limit).toBeGreaterThan(592);
  });

  it('follows the link at once when the search has come up to it', () => {
    const model = new Model(1400);
    model.run(60 * SECOND);
    model.run(SECOND, 1400);
    model.hole = 1500;
    // Found: everything the link takes.
    model.run(700 * SECOND);
    expect(model.mtu.limit).toBe(1500);
    expect(model.mtu.search.active).toBe(false);
    expect(model.mtu.follow(model.now, 4000, 4000)).toBe(4000);
  });

  it('property: never above what is allowed, never below the floor, whatever happens', () => {
    const event = fc.oneof(
      fc.record({ kind: fc.constant('icmp' as const), mtu: fc.nat(2000), quoted: fc.nat(2000) }),
      fc.record({ kind: fc.constant('timeout' as const), count: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ kind: fc.constant('link' as const), mtu: fc.integer({ min: 576, max: 9000 }) }),
      fc.record({ kind: fc.constant('ack' as const), probe: fc.boolean() }),
    );
    const modes = fc.constantFrom<PathMtuMode>('auto', 'icmp', 'probe');
    fc.assert(
      fc.property(modes, fc.array(event, { maxLength: 60 }), (mode, events) => {
        const mtu = new PathMtu(4, mode, 1500);
        let link = 1500;
        let seq = ISS;
        let now = 0;
        for (const what of events) {
          now += SECOND;
          const end = seqAdd(seq, mtu.limit - HEADERS);
          mtu.onSent(seq, end, mtu.limit);
          if (what.kind === 'icmp') mtu.onTooBig(now, what.mtu, what.quoted, seq);
          else if (what.kind === 'timeout') mtu.onTimeout(now, seq, what.count, mtu.limit, false, RTT);
          else if (what.kind === 'link') link = what.mtu;
          else {
            const size = mtu.probeSize(now, 1 << 20, 1 << 20, 1 << 20, 0, HEADERS);
            if (what.probe && size > 0) {
              expect(size).toBeGreaterThan(mtu.limit);
              expect(size).toBeLessThanOrEqual(link);
              mtu.onSent(seq, end, size);
              mtu.onProbeSent(seq, end, size);
            }
            mtu.onAcked(end);
            seq = end;
          }
          mtu.follow(now, link, link);
          expect(mtu.limit).toBeLessThanOrEqual(link);
          expect(mtu.limit).toBeGreaterThanOrEqual(88);
          if (mode === 'icmp') expect(mtu.limit).toBeGreaterThanOrEqual(Math.min(552, link));
        }
      }),
    );
  });
});

/** A search from 1,064 to 1,500 bytes, at its first probe. */
function searching(): PathMtu {
  const mtu = new PathMtu(4, 'probe', 1500);
  expect(ask(mtu, 0)).toBe(1280);
  return mtu;
}

function ask(mtu: PathMtu, now: number): number {
  return mtu.probeSize(now, 1 << 20, 1 << 20, 1 << 20, 0, HEADERS);
}

/** Sends a probe at `seq`; returns its end. */
function sendProbe(mtu: PathMtu, seq: number, now: number = 0): number {
  const size = ask(mtu, now);
  const end = seqAdd(seq, size - HEADERS);
  mtu.onSent(seq, end, size);
  mtu.onProbeSent(seq, end, size);
  return end;
}

describe('RFC 4821 §7.4: before sending a probe', () => {
  const payload = 1280 - HEADERS;
  const needed = payload + 4 * 1024;
  const window = 11 * 1024;

  it.each([
    ['enough data is there', [needed, 1 << 20, window, 0], 1280],
    ['a byte too little data', [needed - 1, 1 << 20, window, 0], 0],
    ['the window is just wide enough', [1 << 20, needed, window, 0], 1280],
    ['a byte too little window', [1 << 20, needed - 1, window, 0], 0],
    ['a congestion window below eleven segments', [1 << 20, 1 << 20, window - 1, 0], 0],
    ['just enough congestion window is free', [1 << 20, 1 << 20, window, window - payload], 1280],
    ['too much of it is in use: new data waits for an ACK', [1 << 20, 1 << 20, window, window - payload + 1], HOLD],
    ['so it does for the window', [1 << 20, needed + 100, window, 101], HOLD],
  ] as const)('[S-054] %s', (_, [available, wnd, cwnd, flight], size) => {
    expect(searching().probeSize(0, available, wnd, cwnd, flight, HEADERS)).toBe(size);
  });

  it('[S-054] "It has no outstanding probes"', () => {
    const mtu = searching();
    const end = sendProbe(mtu, ISS);
    expect(ask(mtu, 0)).toBe(0);
    mtu.onAcked(end);
    expect(ask(mtu, 0)).toBe(1400);
  });
});

describe('RFC 4821 §7.6: response to probe results', () => {
  it('[S-054] §7.6.1 success: search_low and the limit are the probe’s size', () => {
    const mtu = searching();
    const end = sendProbe(mtu, ISS);
    expect(mtu.onAcked(seqAdd(end, -1))).toBe(false);
    expect(mtu.limit).toBe(1064);
    expect(mtu.onAcked(end)).toBe(true);
    expect(mtu.limit).toBe(1280);
  });

  it('[S-054] §7.6.2 failure: no congestion signal, a smaller probe after as many round trips as cwnd has segments', () => {
    const mtu = searching();
    sendProbe(mtu, ISS);
    mtu.onProbeLost(1000, 20 * RTT);
    expect(mtu.limit).toBe(1064);
    expect(ask(mtu, 1000 + 20 * RTT - 1)).toBe(0);
    const next = ask(mtu, 1000 + 20 * RTT);
    expect(next).toBeGreaterThan(1064);
    expect(next).toBeLessThan(1280);
  });

  it('[S-054] §7.6.3 failure by a timeout costs five times the pause', () => {
    const mtu = searching();
    sendProbe(mtu, ISS);
    expect(mtu.onTimeout(0, ISS, 1, 1280, false, RTT)).toBe(false);
    expect(ask(mtu, 5 * RTT - 1)).toBe(0);
    expect(ask(mtu, 5 * RTT)).toBeLessThan(1280);
  });

  it('[S-054] §7.6.4 inconclusive: congestion as ever, and the same size again', () => {
    const mtu = searching();
    sendProbe(mtu, ISS);
    mtu.onSent(ISS, seqAdd(ISS, 1024), 1064);
    expect(ask(mtu, 0)).toBe(1280);
    // A timeout in front of the probe says nothing of it either.
    sendProbe(mtu, ISS);
    mtu.onTimeout(0, seqAdd(ISS, -100), 1, 1064, false, RTT);
    expect(ask(mtu, 0)).toBe(1280);
  });

  it('[S-054] other losses are none of its business', () => {
    const mtu = searching();
    const end = sendProbe(mtu, ISS);
    mtu.onSent(seqAdd(ISS, -1000), ISS, 1040);
    mtu.onSent(end, seqAdd(end, 1000), 1040);
    expect(mtu.onAcked(end)).toBe(true);
  });

  it('[S-054] the ACK of a probe that was sent again in pieces proves nothing', () => {
    const mtu = searching();
    const end = sendProbe(mtu, ISS);
    mtu.onSent(ISS, seqAdd(ISS, 1024), 1064);
    mtu.onSent(seqAdd(ISS, 1024), end, 256);
    expect(mtu.onAcked(end)).toBe(false);
    expect(mtu.limit).toBe(1064);
  });

  it('[S-054] an ICMP error about the probe says what to try', () => {
    const mtu = searching();
    const end = sendProbe(mtu, ISS);
    expect(mtu.onTooBig(0, 1200, 1280, ISS)).toBe('lowered');
    expect([mtu.limit, mtu.told, mtu.oversized]).toEqual([1064, 1200, false]);
    mtu.onProbeLost(0, 0);
    for (let seq = end, at = 0; at < 10 && ask(mtu, at) > 0; at++) {
      expect(ask(mtu, at)).toBeLessThanOrEqual(1200);
      seq = sendProbe(mtu, seq, at);
      mtu.onAcked(seq);
    }
    expect(mtu.limit).toBe(1200);
  });
});

describe('RFC 4821 §7.7: the full-stop timeout', () => {
  const timeout = (mtu: PathMtu, count: number, size: number = mtu.limit, explained = false): boolean =>
    mtu.onTimeout(0, ISS, count, size, explained, RTT);

  it('[S-054] from R1 on: to 1,024 bytes of payload, then to what every path carries; as a last resort down to 48', () => {
    const mtu = new PathMtu(4, 'auto', 1500);
    const limits = Array.from({ length: 14 }, (_, i) => {
      timeout(mtu, i + 1);
      return mtu.limit;
    });
    expect(limits.slice(0, 9)).toEqual([1500, 1500, 1064, 576, 576, 576, 576, 576, 576]);
    expect(limits.slice(9)).toEqual([288, 144, 88, 1064, 532]);
  });

  it('[S-054] first to what has got through on this connection, then to the base', () => {
    const mtu = new PathMtu(4, 'auto', 9000);
    const end = seqAdd(ISS, 1400);
    mtu.onSent(ISS, end, 1440);
    mtu.onAcked(end);
    mtu.onSent(end, seqAdd(end, 8960), 9000);
    timeout(mtu, 3);
    expect(mtu.limit).toBe(1440);
    // That it did so must be over first.
    timeout(mtu, 4);
    expect(mtu.limit).toBe(1440);
    timeout(mtu, 5);
    expect(mtu.limit).toBe(1064);
  });

  it('[S-054] packets as large as some that got through must be lost more often: a bad line does that, too', () => {
    const mtu = new PathMtu(4, 'auto', 1500);
    const end = seqAdd(ISS, 1460);
    mtu.onSent(ISS, end, 1500);
    mtu.onAcked(end);
    for (let i = 1; i < 5; i++) expect(timeout(mtu, i)).toBe(false);
    expect(timeout(mtu, 5)).toBe(true);
    expect(mtu.limit).toBe(1064);
  });

  /** A sender of packets of 1,500 bytes, which got through, after five timeouts; what it would probe with two segments. */
  function doubtful(): { mtu: PathMtu; probe(now: number): number } {
    const mtu = new PathMtu(4, 'auto', 1500);
    mtu.onSent(ISS, seqAdd(ISS, 1460), 1500);
    mtu.onAcked(seqAdd(ISS, 1460));
    timeout(mtu, 5);
    return { mtu, probe: (now) => mtu.probeSize(now, 1 << 20, 1 << 20, 2048, 0, HEADERS) };
  }

  it('[S-054] what got through before is tried first, with however small a window, and is the size again', () => {
    const { mtu, probe } = doubtful();
    expect(probe(0)).toBe(1500);
    const end = seqAdd(ISS, 2920);
    mtu.onSent(seqAdd(ISS, 1460), end, 1500);
    mtu.onProbeSent(seqAdd(ISS, 1460), end, 1500);
    expect(mtu.onAcked(end)).toBe(true);
    expect(mtu.limit).toBe(1500);
    expect(mtu.search.active).toBe(false);
  });

  it('[S-054] it is believed to be over when three probes are lost: then the search begins', () => {
    const { mtu, probe } = doubtful();
    let now = 0;
    for (let i = 0; i < 3; i++) {
      expect(probe(now)).toBe(1500);
      mtu.onProbeSent(seqAdd(ISS, 1460), seqAdd(ISS, 2920), 1500);
      mtu.onProbeLost(now, 2 * RTT);
      expect(probe(now)).toBe(0);
      now += 2 * RTT;
    }
    expect(probe(now)).toBe(0);
    expect(mtu.probeSize(now, 1 << 20, 1 << 20, 40_000, 0, HEADERS)).toBe(1280);
    expect(mtu.limit).toBe(1064);
  });

  it('[S-054] not when ICMP has told another reason', () => {
    const mtu = new PathMtu(4, 'auto', 1500);
    expect(timeout(mtu, 5, 1500, true)).toBe(false);
    expect(mtu.limit).toBe(1500);
  });

  it('a small segment that is lost says nothing of the size', () => {
    const mtu = new PathMtu(4, 'auto', 1500);
    expect(timeout(mtu, 5, 140)).toBe(false);
    expect(timeout(mtu, 5, 900)).toBe(true);
    expect(mtu.limit).toBe(576);
  });

  it('[S-053] RFC 8201 §4: IPv6 never goes below 1,280', () => {
    const mtu = new PathMtu(6, 'auto', 1500);
    timeout(mtu, 3);
    expect(mtu.limit).toBe(1280);
    expect(timeout(mtu, 4)).toBe(false);
    expect(mtu.limit).toBe(1280);
  });

  it('in mode `icmp` nothing of the kind happens', () => {
    const mtu = new PathMtu(4, 'icmp', 1500);
    expect(timeout(mtu, 9)).toBe(false);
    expect(mtu.limit).toBe(1500);
  });
});

describe('what the link allows', () => {
  it('[SHLD-6] a smaller MTU has dropped what is on its way; a larger one is followed at once, nothing is sent again', () => {
    const mtu = new PathMtu(4, 'auto', 1500);
    mtu.onSent(ISS, seqAdd(ISS, 1460), 1500);
    expect([mtu.follow(0, 1400, 1400), mtu.oversized]).toEqual([1400, true]);
    mtu.oversized = false;
    expect([mtu.follow(0, 3000, 3000), mtu.oversized]).toEqual([3000, false]);
  });

  it('RFC 1191 §6.4: another connection’s discovery lowers the limit, but is no reason to send again', () => {
    const mtu = new PathMtu(4, 'auto', 1500);
    mtu.onSent(ISS, seqAdd(ISS, 1460), 1500);
    expect([mtu.follow(0, 1500, 1400), mtu.oversized]).toEqual([1400, false]);
  });
});

/** Sends one packet of `size` at `seq`; returns its end. */
function send(mtu: PathMtu, seq: number, size: number): number {
  const end = seqAdd(seq, size - HEADERS);
  mtu.onSent(seq, end, size);
  return end;
}

describe('RFC 5927 §7.2: maxsizesent', () => {
  it('[S-092] is the largest, not the last: an error about it is true', () => {
    const mtu = new PathMtu(4, 'icmp', 1500);
    send(mtu, send(mtu, ISS, 1500), 140);
    expect(mtu.onTooBig(0, 1400, 1500, ISS)).toBe('lowered');
  });
});

describe('RFC 5927 §7.2: maxsizeacked, below which an error is only believed when nothing gets through', () => {
  const verdict = (mtu: PathMtu, una: number) => {
    send(mtu, una, 1500);
    return mtu.onTooBig(0, 1000, 1500, una);
  };

  it('[S-092] rises with the acknowledgment of the whole packet, not of a part', () => {
    const part = new PathMtu(4, 'icmp', 1500);
    const end = send(part, ISS, 1500);
    part.onAcked(seqAdd(end, -1));
    expect(part.onTooBig(0, 1000, 1500, ISS)).toBe('lowered');
    const whole = new PathMtu(4, 'icmp', 1500);
    whole.onAcked(send(whole, ISS, 1500));
    expect(verdict(whole, end)).toBe('pending');
  });

  it('[S-092] does not fall with a smaller packet that is acknowledged later', () => {
    const mtu = new PathMtu(4, 'icmp', 1500);
    const large = send(mtu, ISS, 1500);
    mtu.onAcked(large);
    const small = send(mtu, large, 140);
    mtu.onAcked(small);
    expect(verdict(mtu, small)).toBe('pending');
  });

  it('[S-092] rises also when a smaller one follows, or what was sent before goes again', () => {
    const mtu = new PathMtu(4, 'icmp', 1500);
    const before = seqAdd(ISS, -100);
    send(mtu, before, 140);
    const end = send(mtu, ISS, 1500);
    send(mtu, before, 140);
    const last = send(mtu, end, 600);
    mtu.onAcked(last);
    expect(verdict(mtu, last)).toBe('pending');
  });

  it('[S-092] says nothing of a packet that went again in smaller ones', () => {
    const mtu = new PathMtu(4, 'icmp', 1500);
    const end = send(mtu, ISS, 1500);
    mtu.onSent(ISS, end, 900);
    mtu.onAcked(end);
    expect(verdict(mtu, end)).toBe('lowered');
  });
});

describe('RFC 4821 §7.2: the limits of a search that change', () => {
  /** All sizes that are tried from now on, each of them lost or not. */
  const sizes = (mtu: PathMtu, passes: (size: number) => boolean): number[] => {
    const tried: number[] = [];
    for (let now = 0, seq = ISS; tried.length < 30 && ask(mtu, now) > 0; now += SECOND) {
      tried.push(ask(mtu, now));
      const end = sendProbe(mtu, seq, now);
      if (passes(tried.at(-1)!)) mtu.onAcked(end);
      else mtu.onProbeLost(now, 0);
      seq = end;
    }
    return tried;
  };

  it('[S-054] what was not tried yet is tried when link and peer allow more', () => {
    const mtu = searching();
    mtu.follow(0, 9000, 9000);
    expect(sizes(mtu, () => true).at(-1)).toBe(9000);
  });

  it('[S-054] what has failed is not tried again because they allow another size', () => {
    const mtu = searching();
    sendProbe(mtu, ISS);
    mtu.onProbeLost(0, 0);
    mtu.follow(0, 1400, 1400);
    expect(Math.max(...sizes(mtu, () => true))).toBeLessThan(1280);
  });

  it('[S-054] nothing above a limit that has fallen below what has failed', () => {
    const mtu = searching();
    sendProbe(mtu, ISS);
    mtu.onProbeLost(0, 0);
    mtu.follow(0, 1200, 1200);
    expect(Math.max(...sizes(mtu, () => true))).toBe(1200);
  });

  it('[S-054] in mode `probe` a larger link is searched as the first was, not followed', () => {
    const mtu = searching();
    sizes(mtu, () => true);
    expect(mtu.limit).toBe(1500);
    expect(mtu.follow(0, 9000, 9000)).toBe(1500);
    expect(ask(mtu, 0)).toBeGreaterThan(1500);
  });

  it('[S-054] §7.3: of several common sizes the one next to the middle', () => {
    expect(ask(new PathMtu(6, 'probe', 1599), 0)).toBe(1440);
  });
});

describe('RFC 4821 §7.4, §7.6: what is no probe', () => {
  it('[S-054] nothing waits for a probe that the window will never hold, nor once there is none to send', () => {
    const needed = 1280 - HEADERS + 4 * 1024;
    expect(searching().probeSize(0, 1 << 20, needed - 1, 1 << 20, 100, HEADERS)).toBe(0);
    const mtu = searching();
    mtu.follow(0, 1064, 1064);
    expect(mtu.probeSize(0, 1 << 20, 20_000, 1 << 20, 19_999, HEADERS)).toBe(0);
  });

  it('[S-054] a loss while there is none on its way says nothing of a size', () => {
    const mtu = searching();
    mtu.onProbeLost(0, RTT);
    expect(ask(mtu, 0)).toBe(1280);
    sendProbe(mtu, ISS);
    mtu.onSent(ISS, seqAdd(ISS, 1024), 1064);
    mtu.onTimeout(0, ISS, 1, 1064, false, RTT);
    expect(ask(mtu, 0)).toBe(1280);
  });

  it('[S-054] sent again in one piece, its acknowledgment still proves its size', () => {
    const mtu = searching();
    const end = sendProbe(mtu, ISS);
    mtu.onSent(ISS, end, 1280);
    expect(mtu.onAcked(end)).toBe(true);
    expect(mtu.limit).toBe(1280);
  });

  it('[S-054] a failed one is remembered until its last byte was sent again, or acknowledged', () => {
    const failed = () => {
      const mtu = searching();
      const end = sendProbe(mtu, ISS);
      mtu.onProbeLost(0, 0);
      return { mtu, end, pending: () => mtu.search.failedSeq !== mtu.search.failedEnd };
    };
    const again = failed();
    send(again.mtu, again.end, 1064);
    again.mtu.onSent(ISS, seqAdd(ISS, 1024), 1064);
    expect(again.pending()).toBe(true);
    again.mtu.onSent(seqAdd(ISS, 1024), again.end, 256);
    expect(again.pending()).toBe(false);
    const late = failed();
    late.mtu.onAcked(seqAdd(late.end, -1));
    expect(late.pending()).toBe(true);
    late.mtu.onAcked(late.end);
    expect(late.pending()).toBe(false);
  });

  it('[S-092] an error about other data of its flight, or about data that a probe once was, lowers the limit', () => {
    const other = searching();
    const end = sendProbe(other, ISS);
    send(other, end, 1064);
    expect(other.onTooBig(0, 1000, 1064, end)).toBe('lowered');
    expect([other.limit, other.oversized]).toEqual([1000, true]);
    const former = searching();
    sendProbe(former, ISS);
    former.onSent(ISS, seqAdd(ISS, 1024), 1064);
    expect(former.onTooBig(0, 1000, 1064, ISS)).toBe('lowered');
    expect([former.limit, former.oversized]).toEqual([1000, true]);
  });
});

describe('RFC 4821 §7.7: time-outs that tell nothing', () => {
  it('[S-054] of a segment that is as small as any search goes, however many', () => {
    const mtu = new PathMtu(4, 'auto', 1500);
    expect(mtu.onTimeout(0, ISS, 12, 88, false, RTT)).toBe(false);
    expect(mtu.limit).toBe(1500);
  });

  it('[S-054] of a packet larger than what is sent by now', () => {
    const mtu = new PathMtu(4, 'auto', 1500);
    send(mtu, ISS, 1500);
    mtu.onTooBig(0, 1000, 1500, ISS);
    expect(mtu.onTimeout(0, ISS, 3, 1500, false, RTT)).toBe(false);
    expect([mtu.limit, mtu.search.active]).toEqual([1000, false]);
  });
});

describe('a link whose MTU falls', () => {
  it('[SHLD-6] has dropped nothing where nothing larger was sent', () => {
    const mtu = new PathMtu(4, 'auto', 1500);
    send(mtu, ISS, 1400);
    expect([mtu.follow(0, 1400, 1400), mtu.oversized]).toEqual([1400, false]);
  });

  it('[SHLD-6] has dropped it once: what was sent again is not sent again for it', () => {
    const mtu = new PathMtu(4, 'auto', 1500);
    send(mtu, ISS, 1500);
    mtu.follow(0, 1400, 1400);
    mtu.oversized = false;
    mtu.follow(0, 1400, 1300);
    expect([mtu.limit, mtu.oversized]).toEqual([1300, false]);
  });
});
