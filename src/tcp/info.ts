import { seqDiff } from '../buffer/seq.ts';
import type { ControlBlock } from './control-block.ts';
import type { FlowLimit } from './allowance.ts';
import type { FastOpenStatus } from './fast-open-state.ts';
import type { RecoveryPhase } from './recovery.ts';
import type { State } from './states.ts';

/** What a connection knows of itself; durations in milliseconds, sizes in bytes. */
export interface ConnectionInfo {
  state: State;
  /** Smoothed round-trip time; 0 before the first sample. */
  rtt: number;
  rttvar: number;
  /** The least of the last minutes; 0 before the first sample. */
  minRtt: number;
  /** Retransmission time-out, back-off included. */
  rto: number;
  /** Congestion window and slow-start threshold; 0 before the handshake is complete. */
  cwnd: number;
  ssthresh: number;
  congestion: string;
  /** Where loss recovery stands: nothing known to be lost; fast recovery; repairing the losses of a time-out. */
  recovery: RecoveryPhase;
  /** What keeps the sender from sending more: at the moment, or when it last was asked to send. */
  limitedBy: FlowLimit;
  /** Sent and not yet acknowledged. */
  flight: number;
  /** Of these, what the network is thought to hold: without what was SACKed or lost (RFC 6675). */
  pipe: number;
  /** Deemed lost and not acknowledged yet, and reported by SACK. */
  lost: number;
  sacked: number;
  /** Written and not yet sent. */
  unsent: number;
  /** Arrived and not yet read. */
  unread: number;
  /** Held for a gap in front of it. */
  outOfOrder: number;
  /** The buffers' sizes now: see the options `sendBuffer` and `receiveBuffer`. */
  sendBuffer: number;
  receiveBuffer: number;
  /** The peer's window as last offered. */
  sendWindow: number;
  /** Payload of a full segment. */
  mss: number;
  /** The largest IP packet that is sent, headers included. */
  pathMtu: number;
  /** Window shifts agreed (RFC 7323), as sent and as received. */
  sendScale: number;
  receiveScale: number;
  /** Features agreed upon in the handshake. */
  sack: boolean;
  timestamps: boolean;
  /** Segments have overtaken each other: loss detection waits for them (RFC 8985). */
  reorderingSeen: boolean;
  bytesAcked: number;
  /** Octets delivered, in order or not, each once; SYN and FIN count as one each. */
  delivered: number;
  /** The last delivery rate measured, and the rate at which segments leave (Infinity when not paced), in bits a second. */
  deliveryRate: number;
  pacingRate: number;
  bytesReceived: number;
  segmentsSent: number;
  segmentsReceived: number;
  retransmits: number;
  timeouts: number;
  /** Losses that were found to have been none and taken back. */
  undos: number;
  /** The connection is given up when data stays unacknowledged for so long. */
  userTimeout: number;
  /** The same, as the peer told it (RFC 5482); 0 when it did not. */
  peerUserTimeout: number;
  duplicateAcks: number;
  /** Both sides use ECN: what is sent may be marked instead of dropped. */
  ecn: boolean;
  /** Segments, or super-segments, that came marked (CE), and ACKs that told of marks (ECE). */
  ecnMarks: number;
  ecnEchoes: number;
  /** What became of Fast Open. */
  fastOpen: FastOpenStatus;
}

/** Reads a connection's numbers off its control block. */
export function connectionInfo(tcb: ControlBlock): ConnectionInfo {
  const { snd, rcv, rto, congestion } = tcb;
  // What became of each octet is forgotten then; `flight` still tells how much was not acknowledged.
  const closed = tcb.state === 'CLOSED';
  return {
    state: tcb.state,
    rtt: rto.srtt / 1000,
    rttvar: rto.rttvar / 1000,
    minRtt: tcb.minRtt.value === Infinity ? 0 : tcb.minRtt.value / 1000,
    rto: rto.rto / 1000,
    cwnd: congestion?.cwnd ?? 0,
    ssthresh: congestion?.ssthresh ?? 0,
    congestion: tcb.options.congestion,
    recovery: tcb.recovery.phase,
    limitedBy: tcb.limit,
    flight: seqDiff(snd.nxt, snd.una),
    pipe: closed ? 0 : tcb.recovery.pipe(snd.una, snd.nxt),
    lost: closed ? 0 : tcb.recovery.lost(snd.una),
    sacked: tcb.scoreboard.sacked,
    unsent: tcb.unsent,
    unread: tcb.receiveQueue.length,
    outOfOrder: tcb.reassembly?.bytes ?? 0,
    sendBuffer: tcb.sendBufferSize,
    receiveBuffer: tcb.receiveWindow.bufferSize,
    sendWindow: snd.wnd,
    mss: snd.mss,
    pathMtu: tcb.pathMtu.limit,
    sendScale: rcv.scale,
    receiveScale: snd.scale,
    sack: tcb.sackPermitted,
    timestamps: tcb.timestamps.ok,
    reorderingSeen: tcb.rack.reorderingSeen,
    bytesAcked: tcb.bytesAcked,
    delivered: tcb.rate.delivered,
    deliveryRate: tcb.lastDeliveryRate * 8,
    pacingRate: (congestion?.pacingRate ?? Infinity) * 8,
    bytesReceived: tcb.bytesReceived,
    segmentsSent: tcb.segmentsSent,
    segmentsReceived: tcb.segmentsReceived,
    retransmits: tcb.segmentsRetransmitted,
    timeouts: tcb.timeouts,
    undos: tcb.undos,
    userTimeout: tcb.giveUpAfter / 1000,
    peerUserTimeout: (tcb.userTimeout?.remote ?? 0) / 1000,
    duplicateAcks: tcb.duplicateAcksReceived,
    ecn: tcb.ecn.active,
    ecnMarks: tcb.ecn.marks,
    ecnEchoes: tcb.ecn.echoes,
    fastOpen: tcb.fastOpen?.status ?? 'none',
  };
}
