import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frto, type FrtoAck } from '../../src/tcp/frto.ts';
import { FIRST_RTO, RTT, ack as acknowledge, flying, segments } from '../support/sack-world.ts';
import { established } from '../support/tcp-world.ts';

const MSS = 1000;

function ack(fields: Partial<FrtoAck>): FrtoAck {
  const una = fields.una ?? 0;
  return {
    una,
    nxt: 10 * MSS,
    advanced: false,
    duplicate: false,
    sackedOriginal: 0,
    sackedEnd: una,
    canSendNew: true,
    ...fields,
  };
}

/** Ten segments from 0 are outstanding, the timer has expired, the first was sent again. */
function timedOut(sack: boolean): Frto {
  const frto = new Frto();
  expect(frto.onTimeout(0, 10 * MSS, 'open', sack)).toBe(true);
  frto.onRetransmitted(MSS);
  return frto;
}

/** The same after the first ACK has moved SND.UNA to 2000 and two new segments were sent. */
function probing(sack: boolean): Frto {
  const frto = timedOut(sack);
  expect(frto.onAck(ack({ una: 2 * MSS, advanced: true }))).toBe('send-new');
  return frto;
}

const duplicate = ack({ una: 2 * MSS, nxt: 12 * MSS, duplicate: true });

describe.each([
  ['§2 (basic)', false],
  ['§3 (SACK)', true],
])('RFC 5682 %s', (_, sack) => {
  it('[S-081] step 1: not used when a recovery is under way at the timeout', () => {
    for (const phase of ['recovery', 'loss'] as const) {
      const frto = new Frto();
      expect(frto.onTimeout(0, 10 * MSS, phase, sack)).toBe(false);
      expect(frto.active).toBe(false);
      expect(frto.onAck(ack({ una: MSS, advanced: true }))).toBe('none');
    }
  });

  it('[S-081] step 1: starts again when the timer expires again for the same segment', () => {
    const frto = timedOut(sack);
    expect(frto.onTimeout(0, 10 * MSS, 'loss', sack)).toBe(true);
    expect(frto.onAck(ack({ una: 2 * MSS, advanced: true }))).toBe('send-new');
  });

  it('[S-081] step 1: a timeout in step 3 finds an RTO recovery under way', () => {
    const frto = probing(sack);
    expect(frto.onTimeout(2 * MSS, 12 * MSS, 'loss', sack)).toBe(false);
    expect(frto.active).toBe(false);
  });

  it('step 1: is not taken up again by a second timeout when the first came during fast recovery', () => {
    const frto = new Frto();
    frto.onTimeout(0, 10 * MSS, 'recovery', sack);
    expect(frto.onTimeout(0, 10 * MSS, 'loss', sack)).toBe(false);
  });

  it('[S-081] step 2a: an ACK of all that was sent proves nothing', () => {
    const frto = timedOut(sack);
    expect(frto.onAck(ack({ una: 10 * MSS, advanced: true }))).toBe('conventional');
    expect(frto.active).toBe(false);
  });

  it('[S-081] step 2a: an ACK of a part of what was sent again ends it', () => {
    const frto = timedOut(sack);
    expect(frto.onAck(ack({ una: 1, advanced: true }))).toBe('conventional');
  });

  it('[S-081] step 2b: without new data, or window for it, the conventional recovery goes on', () => {
    const frto = timedOut(sack);
    expect(frto.onAck(ack({ una: 2 * MSS, advanced: true, canSendNew: false }))).toBe('conventional');
  });

  it('[S-081] step 3a: a duplicate ACK that acknowledges nothing new: the timeout was genuine', () => {
    const frto = probing(sack);
    expect(frto.onAck(duplicate)).toBe('conventional');
    expect(frto.active).toBe(false);
  });

  it('[S-081] step 3b: data that was not sent again is acknowledged: the timeout was spurious', () => {
    const frto = probing(sack);
    expect(frto.onAck(ack({ una: 3 * MSS, nxt: 12 * MSS, advanced: true }))).toBe('spurious');
    expect(frto.active).toBe(false);
  });

  it('§2.1, §3.1: an ACK that is neither new nor a duplicate changes nothing', () => {
    const frto = timedOut(sack);
    expect(frto.onAck(ack({}))).toBe('none');
    expect(frto.onAck(ack({ una: 2 * MSS, advanced: true }))).toBe('send-new');
    expect(frto.onAck(ack({ una: 2 * MSS, nxt: 12 * MSS }))).toBe('none');
    expect(frto.active).toBe(true);
  });
});

describe('RFC 5682 §2 (basic) alone', () => {
  it('[S-081] step 2a: a duplicate ACK ends it', () => {
    const frto = timedOut(false);
    expect(frto.onAck(ack({ duplicate: true }))).toBe('conventional');
  });
});

describe('RFC 5682 §3 (SACK) alone', () => {
  it('[S-081] step 2: duplicate ACKs are waited out', () => {
    const frto = timedOut(true);
    expect(frto.onAck(ack({ duplicate: true, sackedOriginal: MSS, sackedEnd: 5 * MSS }))).toBe('none');
    expect(frto.onAck(ack({ una: 2 * MSS, advanced: true }))).toBe('send-new');
  });

  it('[S-081] step 3b: a duplicate ACK that SACKs what was sent before the timeout: spurious', () => {
    const frto = probing(true);
    expect(frto.onAck({ ...duplicate, sackedOriginal: MSS, sackedEnd: 4 * MSS })).toBe('spurious');
  });

  it('[S-081] step 3a: the SACK covers more than RecoveryPoint: genuine, whatever else it brings', () => {
    const frto = probing(true);
    expect(frto.onAck({ ...duplicate, sackedOriginal: 2 * MSS, sackedEnd: 11 * MSS })).toBe('conventional');
  });

  it('[S-081] step 3a: the cumulative acknowledgment covers more than RecoveryPoint: genuine', () => {
    const frto = probing(true);
    // With a D-SACK of the first segment.
    const all = ack({ una: 11 * MSS, nxt: 12 * MSS, advanced: true, sackedEnd: MSS });
    expect(frto.onAck(all)).toBe('conventional');
  });
});

/** A receiver that acknowledges every segment; segments are numbered. */
class Receiver {
  readonly has = new Set<number>();
  cumulative = 0;

  take(segment: number, sentOnce: boolean, nxt: number): FrtoAck {
    const fresh = !this.has.has(segment);
    this.has.add(segment);
    const before = this.cumulative;
    while (this.has.has(this.cumulative)) this.cumulative++;
    const advanced = this.cumulative > before;
    const sacked = !advanced && fresh;
    const una = this.cumulative * MSS;
    return {
      una,
      nxt: nxt * MSS,
      advanced,
      duplicate: !advanced,
      sackedOriginal: sacked && sentOnce ? MSS : 0,
      sackedEnd: sacked ? (segment + 1) * MSS : una,
      canSendNew: true,
    };
  }
}

describe('RFC 5682: properties', () => {
  it('never takes a timeout for spurious when what is missing was lost', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), fc.boolean(), (arrived, sack) => {
        // The first is lost, of the others some; all that arrived is acknowledged before the timeout.
        const receiver = new Receiver();
        const flight = arrived.length + 1;
        arrived.forEach((here, i) => here && receiver.take(i + 1, true, flight));
        const frto = new Frto();
        frto.onTimeout(0, flight * MSS, 'open', sack);
        frto.onRetransmitted(MSS);
        let action = frto.onAck(receiver.take(0, false, flight));
        if (action === 'send-new') {
          for (const segment of [flight, flight + 1]) {
            action = frto.onAck(receiver.take(segment, true, flight + 2));
            expect(action).not.toBe('spurious');
          }
        }
        expect(frto.active).toBe(false);
      }),
    );
  });

  it('finds a timeout spurious when all segments were only late', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 30 }),
        fc.integer({ min: 0, max: 3 }),
        fc.boolean(),
        (flight, more, sack) => {
          const receiver = new Receiver();
          const frto = new Frto();
          frto.onTimeout(0, flight * MSS, 'open', sack);
          frto.onRetransmitted(MSS);
          for (let i = 0; i < more; i++) expect(frto.onTimeout(0, flight * MSS, 'loss', sack)).toBe(true);
          const actions = [0, 1].map((segment) =>
            frto.onAck(receiver.take(segment, segment > 0, flight + 2 * segment)),
          );
          expect(actions).toEqual(['send-new', 'spurious']);
        },
      ),
    );
  });
});

describe('RFC 5682 on a connection: which of the two algorithms', () => {
  /** Three segments, of which the first has timed out and was sent again; ten more wait. */
  function expired(sack: boolean) {
    const made = flying({ sack, flight: 10, more: 10, wnd: 10 * 1000 });
    made.world.advance(2 * RTT + FIRST_RTO);
    expect(made.connection.info()).toMatchObject({ timeouts: 1, recovery: 'loss' });
    segments(made);
    return made;
  }

  it('[S-081] §2.1 step 2a: without SACK a duplicate ACK says that there was a loss', () => {
    const made = expired(false);
    acknowledge(made, 0);
    acknowledge(made, 2);
    acknowledge(made, 3);
    expect(made.connection.info().undos).toBe(0);
    segments(made);
  });

  it('[S-081] §3.1 step 2: with SACK it does not', () => {
    const made = expired(true);
    acknowledge(made, 0, [2, 3]);
    acknowledge(made, 1, [2, 3]);
    acknowledge(made, 3);
    expect(made.connection.info().undos).toBe(1);
    segments(made);
  });
});

describe('RFC 5682 §2.1 step 2b on a connection', () => {
  it('[S-081] two new segments, whatever else is still on its way', () => {
    const made = flying({ flight: 3 });
    // The probe of the tail has gone; shortly before the timer expires the application writes.
    made.world.advance(RTT + 2 * made.world.clock.resolution);
    made.world.advance(FIRST_RTO - 10_000);
    made.world.write(made.connection, 4 * 1000);
    made.world.advance(10_000);
    expect(made.connection.info()).toMatchObject({ timeouts: 1, cwnd: 1000 });
    segments(made);
    made.world.write(made.connection, 4 * 1000);
    acknowledge(made, 1);
    expect(segments(made)).toEqual([7, 8]);
  });

  it('[S-081] the new data waits for no Nagle: nothing else is sent that could be answered', () => {
    const { world, peer, connection } = established({ rtt: 100_000 });
    world.write(connection, 3 * 1460 + 100);
    expect(peer.take().map(({ seq }) => seq)).toEqual([1, 1461, 2921]);
    world.advance(2_000_000);
    expect(peer.take().every(({ seq }) => seq === 1)).toBe(true);
    peer.ack(1461);
    peer.expect({ flags: 'PA', seq: 4381, length: 100 });
    // It tells that the rest was lost.
    peer.ack(1461);
    peer.expect({ flags: 'A', seq: 1461, length: 1460 });
  });

  it('[S-081] step 2a where the window has room only for what silly-window avoidance keeps back', () => {
    const { world, peer, connection } = established({ rtt: 100_000, wnd: 4380 });
    world.write(connection, 10 * 1460);
    expect(peer.take().map(({ seq }) => seq)).toEqual([1, 1461, 2921]);
    world.advance(2_000_000);
    peer.take();
    peer.ack(1461, { wnd: 4380 - 1460 + 100 });
    // Conventional recovery, in slow start: what was sent before, again.
    expect(peer.take().map(({ seq }) => seq)).toEqual([1461, 2921]);
  });
});
