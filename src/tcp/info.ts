import { seqDiff } from '../buffer/seq.ts';
import type { ControlBlock } from './control-block.ts';
import type { State } from './states.ts';

/** What a connection knows of itself; durations in milliseconds, sizes in bytes. */
export interface ConnectionInfo {
  state: State;
  /** Smoothed round-trip time; 0 before the first sample. */
  rtt: number;
  rttvar: number;
  /** Retransmission time-out, back-off included. */
  rto: number;
  /** Congestion window and slow-start threshold; 0 before the handshake is complete. */
  cwnd: number;
  ssthresh: number;
  congestion: string;
  /** Sent and not yet acknowledged. */
  flight: number;
  /** Written and not yet sent. */
  unsent: number;
  /** Arrived and not yet read. */
  unread: number;
  /** Held for a gap in front of it. */
  outOfOrder: number;
  /** The peer's window as last offered. */
  sendWindow: number;
  /** Payload of a full segment. */
  mss: number;
  /** The largest IP packet that is sent, headers included. */
  pathMtu: number;
  /** Window shifts agreed (RFC 7323), as sent and as received. */
  sendScale: number;
  receiveScale: number;
  bytesAcked: number;
  bytesReceived: number;
  segmentsSent: number;
  segmentsReceived: number;
  retransmits: number;
  timeouts: number;
  /** The connection is given up when data stays unacknowledged for so long. */
  userTimeout: number;
  /** The same, as the peer told it (RFC 5482); 0 when it did not. */
  peerUserTimeout: number;
  duplicateAcks: number;
}

/** Reads a connection's numbers off its control block. */
export function connectionInfo(tcb: ControlBlock): ConnectionInfo {
  const { snd, rcv, rto, congestion } = tcb;
  return {
    state: tcb.state,
    rtt: rto.srtt / 1000,
    rttvar: rto.rttvar / 1000,
    rto: rto.rto / 1000,
    cwnd: congestion?.cwnd ?? 0,
    ssthresh: congestion?.ssthresh ?? 0,
    congestion: tcb.options.congestion,
    flight: seqDiff(snd.nxt, snd.una),
    unsent: tcb.unsent,
    unread: tcb.receiveQueue.length,
    outOfOrder: tcb.reassembly.bytes,
    sendWindow: snd.wnd,
    mss: snd.mss,
    pathMtu: tcb.pathMtu.limit,
    sendScale: rcv.scale,
    receiveScale: snd.scale,
    bytesAcked: tcb.bytesAcked,
    bytesReceived: tcb.bytesReceived,
    segmentsSent: tcb.segmentsSent,
    segmentsReceived: tcb.segmentsReceived,
    retransmits: tcb.segmentsRetransmitted,
    timeouts: tcb.timeouts,
    userTimeout: tcb.userTimeout.value / 1000,
    peerUserTimeout: tcb.userTimeout.remote / 1000,
    duplicateAcks: tcb.duplicateAcksReceived,
  };
}
