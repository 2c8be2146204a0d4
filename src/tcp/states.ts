/**
 * The state machine of RFC 9293 §3.3.2 (figure 5) as one table: state × event → state.
 *
 * ```
 *   CLOSED ─ passive-open → LISTEN ─ syn → SYN_RECV ─ ack-of-syn → ESTABLISHED
 *      └──── active-open → SYN_SENT ─ syn-ack ──────────────────────────┘
 *   ESTABLISHED ─ send-fin → FIN_WAIT_1 ─ ack-of-fin → FIN_WAIT_2 ─ fin → TIME_WAIT ─ 2msl → CLOSED
 *   ESTABLISHED ─ fin → CLOSE_WAIT ─ send-fin → LAST_ACK ─ ack-of-fin → CLOSED
 *   FIN_WAIT_1 ─ fin → CLOSING ─ ack-of-fin → TIME_WAIT          (simultaneous close)
 *   SYN_SENT ─ syn → SYN_RECV                                    (simultaneous open)
 * ```
 *
 * A FIN that acknowledges ours takes two steps, `ack-of-fin` then `fin`, in the order of §3.10.7.4.
 */
export type State =
  | 'CLOSED'
  | 'LISTEN'
  | 'SYN_SENT'
  | 'SYN_RECV'
  | 'ESTABLISHED'
  | 'FIN_WAIT_1'
  | 'FIN_WAIT_2'
  | 'CLOSE_WAIT'
  | 'CLOSING'
  | 'LAST_ACK'
  | 'TIME_WAIT';

/**
 * What moves a connection from state to state. `send-fin` is the user's CLOSE at the moment its FIN enters the stream,
 * `fin` a FIN received in order, `end` whatever ends a connection at once: RST, abort, a time-out, CLOSE before the
 * handshake.
 */
export type StateEvent =
  | 'passive-open'
  | 'active-open'
  | 'syn'
  | 'syn-ack'
  | 'ack-of-syn'
  | 'send-fin'
  | 'fin'
  | 'ack-of-fin'
  | '2msl'
  | 'end';

const TABLE: Readonly<Record<State, Readonly<Partial<Record<StateEvent, State>>>>> = {
  CLOSED: { 'passive-open': 'LISTEN', 'active-open': 'SYN_SENT' },
  LISTEN: { syn: 'SYN_RECV', 'active-open': 'SYN_SENT', end: 'CLOSED' },
  SYN_SENT: { 'syn-ack': 'ESTABLISHED', syn: 'SYN_RECV', end: 'CLOSED' },
  SYN_RECV: { 'ack-of-syn': 'ESTABLISHED', 'send-fin': 'FIN_WAIT_1', fin: 'CLOSE_WAIT', end: 'CLOSED' },
  ESTABLISHED: { 'send-fin': 'FIN_WAIT_1', fin: 'CLOSE_WAIT', end: 'CLOSED' },
  FIN_WAIT_1: { 'ack-of-fin': 'FIN_WAIT_2', fin: 'CLOSING', end: 'CLOSED' },
  FIN_WAIT_2: { fin: 'TIME_WAIT', end: 'CLOSED' },
  CLOSE_WAIT: { 'send-fin': 'LAST_ACK', end: 'CLOSED' },
  CLOSING: { 'ack-of-fin': 'TIME_WAIT', end: 'CLOSED' },
  LAST_ACK: { 'ack-of-fin': 'CLOSED', end: 'CLOSED' },
  TIME_WAIT: { '2msl': 'CLOSED', end: 'CLOSED' },
};

/** Every state, in the order of a connection's life. */
export const STATES: readonly State[] = Object.keys(TABLE) as State[];

/** The state that `event` leads to, or nothing where the event has no meaning in `state`. */
export function nextState(state: State, event: StateEvent): State | undefined {
  return TABLE[state][event];
}

/** Both ends know each other's sequence numbers: RFC 9293's "synchronized states". */
export function isSynchronized(state: State): boolean {
  return state !== 'CLOSED' && state !== 'LISTEN' && state !== 'SYN_SENT' && state !== 'SYN_RECV';
}

/** States in which bytes from the peer are still expected. */
export function mayReceive(state: State): boolean {
  return state === 'ESTABLISHED' || state === 'FIN_WAIT_1' || state === 'FIN_WAIT_2';
}

/** States in which queued bytes may be sent: before our FIN is acknowledged. */
export function maySend(state: State): boolean {
  return (
    state === 'ESTABLISHED' ||
    state === 'CLOSE_WAIT' ||
    state === 'FIN_WAIT_1' ||
    state === 'CLOSING' ||
    state === 'LAST_ACK'
  );
}
