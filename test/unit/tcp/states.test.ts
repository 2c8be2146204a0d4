import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STATES, isSynchronized, maySend, mayReceive, nextState } from '../../../src/tcp/states.ts';
import type { State, StateEvent } from '../../../src/tcp/states.ts';

/**
 * The arrows of RFC 9293 §3.3.2, figure 5, in the figure's own words: from, what happens, to. "rcv ACK of FIN" and
 * "rcv FIN, ACK of FIN" of one segment are the steps of §3.10.7.4, one after the other.
 */
const FIGURE_5: readonly [from: State, arrow: string, to: State][] = [
  ['CLOSED', 'passive OPEN', 'LISTEN'],
  ['CLOSED', 'active OPEN', 'SYN_SENT'],
  ['LISTEN', 'rcv SYN', 'SYN_RECV'],
  ['LISTEN', 'SEND', 'SYN_SENT'],
  ['LISTEN', 'CLOSE', 'CLOSED'],
  ['SYN_SENT', 'rcv SYN', 'SYN_RECV'],
  ['SYN_SENT', 'rcv SYN,ACK', 'ESTABLISHED'],
  ['SYN_SENT', 'CLOSE', 'CLOSED'],
  ['SYN_RECV', 'rcv ACK of SYN', 'ESTABLISHED'],
  ['SYN_RECV', 'CLOSE: snd FIN', 'FIN_WAIT_1'],
  ['ESTABLISHED', 'CLOSE: snd FIN', 'FIN_WAIT_1'],
  ['ESTABLISHED', 'rcv FIN', 'CLOSE_WAIT'],
  ['FIN_WAIT_1', 'rcv ACK of FIN', 'FIN_WAIT_2'],
  ['FIN_WAIT_1', 'rcv FIN', 'CLOSING'],
  ['FIN_WAIT_2', 'rcv FIN', 'TIME_WAIT'],
  ['CLOSE_WAIT', 'CLOSE: snd FIN', 'LAST_ACK'],
  ['CLOSING', 'rcv ACK of FIN', 'TIME_WAIT'],
  ['LAST_ACK', 'rcv ACK of FIN', 'CLOSED'],
  ['TIME_WAIT', 'Timeout=2MSL', 'CLOSED'],
];

/** Arrows that the figure leaves out and the text has. */
const TEXT: readonly [from: State, arrow: string, to: State][] = [
  // §3.10.7.4, eighth step, groups SYN-RECEIVED with ESTABLISHED.
  ['SYN_RECV', 'rcv FIN', 'CLOSE_WAIT'],
  // RST, ABORT and time-outs end every connection (§3.10.5, §3.10.7.4, §3.10.8).
  ...(
    ['SYN_RECV', 'ESTABLISHED', 'FIN_WAIT_1', 'FIN_WAIT_2', 'CLOSE_WAIT', 'CLOSING', 'LAST_ACK', 'TIME_WAIT'] as const
  ).map((state): [State, string, State] => [state, 'rcv RST', 'CLOSED']),
];

const EVENT_OF: Readonly<Record<string, StateEvent>> = {
  'passive OPEN': 'passive-open',
  'active OPEN': 'active-open',
  SEND: 'active-open',
  'rcv SYN': 'syn',
  'rcv SYN,ACK': 'syn-ack',
  'rcv ACK of SYN': 'ack-of-syn',
  CLOSE: 'end',
  'CLOSE: snd FIN': 'send-fin',
  'rcv FIN': 'fin',
  'rcv ACK of FIN': 'ack-of-fin',
  'Timeout=2MSL': '2msl',
  'rcv RST': 'end',
};

const EVENTS: readonly StateEvent[] = [...new Set(Object.values(EVENT_OF))];
const ARROWS = [...FIGURE_5, ...TEXT];

describe('the state table against RFC 9293 §3.3.2, figure 5', () => {
  it.each(ARROWS)('%s, %s → %s', (from, arrow, to) => {
    expect(nextState(from, EVENT_OF[arrow]!)).toBe(to);
  });

  it('has no other arrow', () => {
    const drawn = new Set(ARROWS.map(([from, arrow]) => `${from} ${EVENT_OF[arrow]}`));
    const others = STATES.flatMap((state) => EVENTS.map((event) => ({ state, event }))).filter(
      ({ state, event }) => !drawn.has(`${state} ${event}`),
    );
    expect(others.length).toBeGreaterThan(0);
    expect(others.filter(({ state, event }) => nextState(state, event) !== undefined)).toEqual([]);
  });

  it('has the eleven states of the figure, each of which can be reached and left', () => {
    const inFigure = new Set(FIGURE_5.flatMap(([from, , to]) => [from, to]));
    expect(new Set(STATES)).toEqual(inFigure);
    const targets = new Set(STATES.flatMap((state) => EVENTS.map((event) => nextState(state, event))));
    const sources = STATES.filter((state) => EVENTS.some((event) => nextState(state, event) !== undefined));
    expect(STATES.filter((state) => !targets.has(state))).toEqual([]);
    expect(sources).toEqual([...STATES]);
  });

  it('never leads back from a closing state to an open one, whatever happens', () => {
    const closing: readonly State[] = ['FIN_WAIT_1', 'FIN_WAIT_2', 'CLOSING', 'LAST_ACK', 'TIME_WAIT'];
    const walk = fc.array(fc.constantFrom(...EVENTS), { maxLength: 12 });
    fc.assert(
      fc.property(fc.constantFrom(...closing), walk, (start, events) => {
        let state: State = start;
        for (const event of events) {
          if (state === 'CLOSED') return;
          state = nextState(state, event) ?? state;
          expect([...closing, 'CLOSED']).toContain(state);
        }
      }),
    );
  });
});

describe('what the states allow', () => {
  it('synchronized: all but CLOSED, LISTEN, SYN-SENT and SYN-RECEIVED (§3.5.2)', () => {
    const not: readonly State[] = ['CLOSED', 'LISTEN', 'SYN_SENT', 'SYN_RECV'];
    expect(STATES.filter((state) => !isSynchronized(state))).toEqual(not);
  });

  it('text is received before the peer’s FIN (§3.10.7.4, seventh step)', () => {
    expect(STATES.filter(mayReceive)).toEqual(['ESTABLISHED', 'FIN_WAIT_1', 'FIN_WAIT_2']);
  });

  it('queued text and FIN are sent until the FIN is acknowledged (§3.10.4)', () => {
    // Where our FIN may be unacknowledged there is an arrow for its acknowledgment, or one for sending it.
    const expected = STATES.filter(
      (state) =>
        isSynchronized(state) &&
        (nextState(state, 'ack-of-fin') !== undefined || nextState(state, 'send-fin') !== undefined),
    );
    expect(STATES.filter(maySend)).toEqual(expected);
  });
});
