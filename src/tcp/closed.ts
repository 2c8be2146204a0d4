import type { Path } from '../buffer/path.ts';
import { seqAdd } from '../buffer/seq.ts';
import { Protocol } from '../wire/protocol.ts';
import { TCP_HEADER_LENGTH, TcpFlag, writeTcpHeader } from '../wire/tcp.ts';
import type { Segment } from './segment.ts';
import { finishSegment } from './transmit.ts';

const RESET_OPTIONS = { ttl: 64, trafficClass: 0 };

/**
 * SEGMENT ARRIVES in CLOSED (RFC 9293 §3.10.7.1), and the ACK that reaches a listener (§3.10.7.2): answered with a RST
 * that fits it, unless it is a RST itself.
 *
 * @param path the way back: from the segment's destination to its source.
 */
export function refuse(path: Path, segment: Segment): void {
  if (segment.has(TcpFlag.RST)) return;
  const packet = path.reserve(0);
  if (packet === undefined) return;
  const start = packet.prepend(TCP_HEADER_LENGTH);
  const { view } = packet.memory;
  const { destinationPort, sourcePort } = segment;
  if (segment.has(TcpFlag.ACK)) {
    writeTcpHeader(view, start, destinationPort, sourcePort, segment.ack, 0, TcpFlag.RST, 0, 0, TCP_HEADER_LENGTH);
  } else {
    const ack = seqAdd(segment.seq, segment.length);
    const flags = TcpFlag.RST | TcpFlag.ACK;
    writeTcpHeader(view, start, destinationPort, sourcePort, 0, ack, flags, 0, 0, TCP_HEADER_LENGTH);
  }
  finishSegment(path, packet, start);
  path.send(packet, Protocol.TCP, RESET_OPTIONS);
}
