import { describe, expect, it } from 'vitest';
import type { State } from '../../src/index.ts';
import type { Expected, SegmentSpec } from '../support/tcp-peer.ts';
import { inState } from '../support/tcp-world.ts';
import type { OtherState } from '../support/tcp-world.ts';

/**
 * RFC 9293 §3.10.7.4, "SEGMENT ARRIVES, other states", as a table of state × segment, with the amendments that the
 * stack claims: RFC 5961 (challenge ACKs) and RFC 1337 (RST in TIME-WAIT).
 */
const SYNCHRONIZED = [
  'ESTABLISHED',
  'FIN_WAIT_1',
  'FIN_WAIT_2',
  'CLOSE_WAIT',
  'CLOSING',
  'LAST_ACK',
  'TIME_WAIT',
] as const satisfies readonly OtherState[];
const ALL = ['SYN_RECV', ...SYNCHRONIZED] as const;
/** States in which the peer's text is expected. */
const OPEN: readonly OtherState[] = ['ESTABLISHED', 'FIN_WAIT_1', 'FIN_WAIT_2'];
/** States in which our FIN is out and not acknowledged. */
const FIN_OUT: readonly OtherState[] = ['FIN_WAIT_1', 'CLOSING', 'LAST_ACK'];

const WINDOW = 4096;

/** The connection's numbers as the peer sees them. */
interface Numbers {
  rcvNxt: number;
  sndUna: number;
  sndNxt: number;
  /** SND.UNA and the largest window that the peer ever offered. */
  maxSndWnd: number;
}

function numbers(state: OtherState): Numbers {
  const peerFin = state === 'CLOSE_WAIT' || state === 'CLOSING' || state === 'LAST_ACK' || state === 'TIME_WAIT';
  const finSent = FIN_OUT.includes(state) || state === 'FIN_WAIT_2' || state === 'TIME_WAIT';
  const sndNxt = finSent ? 2 : 1;
  const unacknowledged = state === 'SYN_RECV' || FIN_OUT.includes(state);
  return { rcvNxt: peerFin ? 2 : 1, sndNxt, sndUna: unacknowledged ? sndNxt - 1 : sndNxt, maxSndWnd: WINDOW };
}

/** What must come of it: the next state, and what is sent. */
interface Outcome {
  next: State;
  reply?: Expected;
  events?: string[];
}

type Kind = readonly [
  title: string,
  segment: (n: Numbers, receiveWindow: number) => SegmentSpec,
  outcome: (state: OtherState, n: Numbers, receiveWindow: number) => Outcome,
];

/** `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`. */
function anAck({ sndNxt, rcvNxt }: Numbers): Expected {
  return { flags: 'A', seq: sndNxt, ack: rcvNxt, length: 0 };
}

const unchanged = (next: State): Outcome => ({ next });
const acked = (next: State, n: Numbers): Outcome => ({ next, reply: anAck(n) });
/** An unacceptable acknowledgment: `<SEQ=SEG.ACK><CTL=RST>` before the connection is synchronized, an ACK behind. */
const badAck = (state: OtherState, n: Numbers, ack: number): Outcome =>
  state === 'SYN_RECV' ? { next: state, reply: { flags: 'R', seq: ack, length: 0 } } : acked(state, n);

const reset = (state: OtherState): Outcome => {
  switch (state) {
    case 'TIME_WAIT':
      return { next: state };
    case 'CLOSING':
    case 'LAST_ACK':
      return { next: 'CLOSED', events: ['close'] };
    case 'SYN_RECV':
      return { next: 'CLOSED' };
    default:
      return { next: 'CLOSED', events: ['error ECONNRESET', 'close'] };
  }
};

/** The acknowledgment of everything sent. */
const afterFullAck = (state: OtherState): State => {
  if (state === 'SYN_RECV') return 'ESTABLISHED';
  if (state === 'FIN_WAIT_1') return 'FIN_WAIT_2';
  if (state === 'CLOSING') return 'TIME_WAIT';
  return state === 'LAST_ACK' ? 'CLOSED' : state;
};

const afterFin = (state: OtherState): State => {
  if (state === 'SYN_RECV' || state === 'ESTABLISHED') return 'CLOSE_WAIT';
  if (state === 'FIN_WAIT_1') return 'CLOSING';
  return state === 'FIN_WAIT_2' ? 'TIME_WAIT' : state;
};

const RESETS: readonly Kind[] = [
  [
    '[S-088] [MUST-12] [S-094] RST with exactly RCV.NXT',
    ({ rcvNxt }) => ({ flags: 'R', seq: rcvNxt }),
    (state) => reset(state),
  ],
  [
    '[S-088] [SHLD-2] RST with exactly RCV.NXT, ACK and data',
    ({ rcvNxt, sndNxt }) => ({ flags: 'RA', seq: rcvNxt, ack: sndNxt, data: 20 }),
    (state) => reset(state),
  ],
  [
    '[S-088] [S-094] RST inside the window',
    ({ rcvNxt }) => ({ flags: 'R', seq: rcvNxt + 1 }),
    (state, n) => (state === 'TIME_WAIT' ? unchanged(state) : acked(state, n)),
  ],
  [
    '[S-088] [S-094] RST at the last number of the window',
    ({ rcvNxt }, window) => ({ flags: 'R', seq: rcvNxt + window - 1 }),
    (state, n) => (state === 'TIME_WAIT' ? unchanged(state) : acked(state, n)),
  ],
  ['[S-088] RST below the window', ({ rcvNxt }) => ({ flags: 'R', seq: rcvNxt - 1 }), (state) => unchanged(state)],
  [
    '[S-088] RST behind the window',
    ({ rcvNxt }, window) => ({ flags: 'R', seq: rcvNxt + window }),
    (state) => unchanged(state),
  ],
  [
    '[S-088] [S-094] RST below the window whose data reaches RCV.NXT',
    ({ rcvNxt }) => ({ flags: 'R', seq: rcvNxt - 10, data: 20 }),
    (state, n) => (state === 'TIME_WAIT' ? unchanged(state) : acked(state, n)),
  ],
];

const SYNS: readonly Kind[] = [
  [
    '[S-089] SYN inside the window (another port: nobody listens for it)',
    ({ rcvNxt }) => ({ flags: 'S', seq: rcvNxt + 100 }),
    (state, n) => (state === 'SYN_RECV' ? { next: 'CLOSED' } : acked(state, n)),
  ],
  [
    '[S-089] SYN with RCV.NXT',
    ({ rcvNxt }) => ({ flags: 'S', seq: rcvNxt }),
    (state, n) => (state === 'SYN_RECV' ? { next: 'CLOSED' } : acked(state, n)),
  ],
  ['[S-089] SYN below the window', ({ rcvNxt }) => ({ flags: 'S', seq: rcvNxt - 1000 }), acked],
  ['[S-089] SYN behind the window', ({ rcvNxt }, window) => ({ flags: 'S', seq: rcvNxt + window + 1000 }), acked],
  [
    '[S-089] SYN,ACK below the window',
    ({ rcvNxt, sndNxt }) => ({ flags: 'SA', seq: rcvNxt - 1000, ack: sndNxt }),
    acked,
  ],
  [
    '[S-089] SYN below the window whose data reaches into it',
    ({ rcvNxt, sndNxt }) => ({ flags: 'SA', seq: rcvNxt - 10, ack: sndNxt, data: 100 }),
    (state, n) => (state === 'SYN_RECV' ? { next: 'CLOSED' } : acked(state, n)),
  ],
];

const ACKS: readonly Kind[] = [
  [
    'ACK of everything',
    ({ rcvNxt, sndNxt }) => ({ flags: 'A', seq: rcvNxt, ack: sndNxt }),
    (state) => ({ next: afterFullAck(state) }),
  ],
  [
    'ACK of what was acknowledged before, no data',
    ({ rcvNxt, sndUna }) => ({ flags: 'A', seq: rcvNxt, ack: sndUna }),
    (state, n) => (state === 'SYN_RECV' ? badAck(state, n, n.sndUna) : unchanged(state)),
  ],
  [
    '[S-090] [MAY-12] ACK as old as the largest window allows',
    ({ rcvNxt, sndUna, maxSndWnd }) => ({ flags: 'A', seq: rcvNxt, ack: sndUna - maxSndWnd }),
    (state, n) => (state === 'SYN_RECV' ? badAck(state, n, n.sndUna - n.maxSndWnd) : unchanged(state)),
  ],
  [
    '[S-090] [MAY-12] ACK older than that',
    ({ rcvNxt, sndUna, maxSndWnd }) => ({ flags: 'A', seq: rcvNxt, ack: sndUna - maxSndWnd - 1 }),
    (state, n) => badAck(state, n, n.sndUna - n.maxSndWnd - 1),
  ],
  [
    '[S-090] [MAY-12] data with an ACK older than that',
    ({ rcvNxt, sndUna, maxSndWnd }) => ({ flags: 'A', seq: rcvNxt, ack: sndUna - maxSndWnd - 1, data: 10 }),
    (state, n) => badAck(state, n, n.sndUna - n.maxSndWnd - 1),
  ],
  [
    '[S-090] ACK of what was not sent yet',
    ({ rcvNxt, sndNxt }) => ({ flags: 'A', seq: rcvNxt, ack: sndNxt + 1 }),
    (state, n) => badAck(state, n, n.sndNxt + 1),
  ],
  [
    '[S-090] FIN with an ACK of what was not sent yet',
    ({ rcvNxt, sndNxt }) => ({ flags: 'FA', seq: rcvNxt, ack: sndNxt + 1 }),
    (state, n) => badAck(state, n, n.sndNxt + 1),
  ],
  ['no ACK bit: data', ({ rcvNxt }) => ({ flags: 'P', seq: rcvNxt, data: 10 }), unchanged],
  ['no ACK bit: FIN', ({ rcvNxt }) => ({ flags: 'F', seq: rcvNxt }), unchanged],
  ['no flag at all', ({ rcvNxt }) => ({ flags: '', seq: rcvNxt }), unchanged],
  ['ACK below the window, no data', ({ rcvNxt, sndNxt }) => ({ flags: 'A', seq: rcvNxt - 1, ack: sndNxt }), acked],
  [
    'ACK behind the window, no data',
    ({ rcvNxt, sndNxt }, window) => ({ flags: 'A', seq: rcvNxt + window, ack: sndNxt }),
    acked,
  ],
];

const LENGTH = 100;

const TEXTS: readonly Kind[] = [
  [
    'data in order',
    ({ rcvNxt, sndNxt }) => ({ flags: 'A', seq: rcvNxt, ack: sndNxt, data: LENGTH }),
    (state, n) => {
      const next = afterFullAck(state);
      if (!OPEN.includes(state) && state !== 'SYN_RECV') return { next };
      return { next, reply: { ...anAck(n), ack: n.rcvNxt + LENGTH } };
    },
  ],
  [
    '[SHLD-31] [MAY-13] [S-070] data out of order',
    ({ rcvNxt, sndNxt }) => ({ flags: 'A', seq: rcvNxt + 1, ack: sndNxt, data: LENGTH }),
    (state, n) => {
      const next = afterFullAck(state);
      return OPEN.includes(state) || state === 'SYN_RECV' ? acked(next, n) : { next };
    },
  ],
  [
    'data behind the window',
    ({ rcvNxt, sndNxt }, window) => ({ flags: 'A', seq: rcvNxt + window, ack: sndNxt, data: LENGTH }),
    acked,
  ],
  [
    'data below the window',
    ({ rcvNxt, sndNxt }) => ({ flags: 'A', seq: rcvNxt - LENGTH, ack: sndNxt, data: LENGTH }),
    acked,
  ],
  [
    'data half below the window',
    ({ rcvNxt, sndNxt }) => ({ flags: 'A', seq: rcvNxt - 10, ack: sndNxt, data: 10 + LENGTH }),
    (state, n) => {
      const next = afterFullAck(state);
      if (!OPEN.includes(state) && state !== 'SYN_RECV') return { next };
      return { next, reply: { ...anAck(n), ack: n.rcvNxt + LENGTH } };
    },
  ],
];

const FINS: readonly Kind[] = [
  [
    'FIN in order, nothing new acknowledged',
    (n) => ({ flags: 'FA', seq: n.rcvNxt, ack: n.sndUna }),
    (state, n) => {
      if (state === 'SYN_RECV') return badAck(state, n, n.sndUna);
      return { next: afterFin(state), reply: { ...anAck(n), ack: n.rcvNxt + 1 } };
    },
  ],
  [
    'FIN in order that acknowledges everything',
    (n) => ({ flags: 'FA', seq: n.rcvNxt, ack: n.sndNxt }),
    (state, n) => ({ next: afterFin(afterFullAck(state) as OtherState), reply: { ...anAck(n), ack: n.rcvNxt + 1 } }),
  ],
  [
    'data with FIN',
    (n) => ({ flags: 'FA', seq: n.rcvNxt, ack: n.sndNxt, data: LENGTH }),
    (state, n) => ({
      next: afterFin(afterFullAck(state) as OtherState),
      reply: { ...anAck(n), ack: n.rcvNxt + LENGTH + 1 },
    }),
  ],
  [
    '[S-070] FIN out of order',
    (n) => ({ flags: 'FA', seq: n.rcvNxt + LENGTH, ack: n.sndNxt }),
    (state, n) => acked(afterFullAck(state), n),
  ],
  [
    '[SHLD-31] [S-070] data with FIN out of order',
    (n) => ({ flags: 'FA', seq: n.rcvNxt + 1, ack: n.sndNxt, data: LENGTH }),
    (state, n) => acked(afterFullAck(state), n),
  ],
];

function run(title: string, states: readonly OtherState[], open: 'passive' | 'active', kinds: readonly Kind[]): void {
  describe(title, () => {
    for (const [name, segment, outcome] of kinds) {
      it.each(states)(`${name}, in %s`, (state) => {
        const { peer, connection, events } = inState(state, { open, wnd: WINDOW });
        const n = numbers(state);
        const window = peer.rightEdge - n.rcvNxt;
        const { next, reply, events: told } = outcome(state, n, window);
        peer.send(segment(n, window));
        if (reply !== undefined) peer.expect(reply);
        peer.expectNothing();
        expect(connection.state).toBe(next);
        if (told !== undefined) expect(events).toEqual(told);
        if (next === state) expect(events.filter((event) => event !== 'readable')).toEqual([]);
      });
    }
  });
}

run('[MUST-11] RFC 9293 §3.10.7.4, second: check the RST bit, passive open', ALL, 'passive', RESETS);
run('RFC 9293 §3.10.7.4, second: check the RST bit, active open', SYNCHRONIZED, 'active', RESETS);
run('RFC 9293 §3.10.7.4, fourth: check the SYN bit, active open', SYNCHRONIZED, 'active', SYNS);
run('RFC 9293 §3.10.7.4, fourth: check the SYN bit, SYN-RECEIVED', ['SYN_RECV'], 'passive', SYNS);
run('RFC 9293 §3.10.7.4, fifth: check the ACK field, passive open', ALL, 'passive', ACKS);
run('RFC 9293 §3.10.7.4, fifth: check the ACK field, active open', ALL, 'active', ACKS);
run('RFC 9293 §3.10.7.4, seventh: process the segment text', ALL, 'passive', TEXTS);
run('RFC 9293 §3.10.7.4, seventh: process the segment text, active open', ALL, 'active', TEXTS);
run('RFC 9293 §3.10.7.4, eighth: check the FIN bit', ['SYN_RECV', ...OPEN], 'passive', FINS);
run('RFC 9293 §3.10.7.4, eighth: check the FIN bit, active open', ['SYN_RECV', ...OPEN], 'active', FINS);
