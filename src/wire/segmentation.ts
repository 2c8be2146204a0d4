import { checksumAdd, checksumFinish } from './checksum.ts';
import { ipv4HeaderLength, ipv4Identification, writeIpv4Checksum } from './ipv4.ts';
import { Protocol } from './protocol.ts';
import { setTcpChecksum, TcpFlag, tcpSequence } from './tcp.ts';
import { setUdpChecksum } from './udp.ts';

/*
 * Super-segments: TCP segments or UDP datagrams of one flow in one packet, as segmentation offload has them, and what
 * makes ordinary packets of them.
 */

const IPV6_HEADER = 40;
const TCP_SEQUENCE = 4;
const TCP_FLAGS = 13;
const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;

/**
 * Bytes of IP and transport header in front of the payload of a TCP or UDP super-segment; 0 when the packet is
 * neither, or has IPv6 extension headers. The packet begins with the IP header; a stack has built it, so it is
 * measured, not checked.
 */
export function superSegmentHeaders(view: DataView, offset: number, length: number): number {
  if (length < 40) return 0;
  const version = view.getUint8(offset) >>> 4;
  const ip = version === 6 ? IPV6_HEADER : ipv4HeaderLength(view, offset);
  const protocol = view.getUint8(offset + (version === 6 ? 6 : 9));
  if (protocol === Protocol.UDP) return ip + 8;
  if (protocol !== Protocol.TCP || length < ip + 20) return 0;
  return ip + (view.getUint8(offset + ip + 12) >>> 4) * 4;
}

/**
 * Corrects the headers of one piece of a super-segment, which were copied from the whole, and computes its checksums.
 *
 * @param ip where the piece's IP header begins
 * @param length bytes of the piece
 * @param done bytes of payload in the pieces before it
 * @param index how many pieces came before it
 * @param isLast no piece follows
 */
export function finishPiece(
  view: DataView,
  ip: number,
  length: number,
  done: number,
  index: number,
  isLast: boolean,
): void {
  const isIpv6 = view.getUint8(ip) >>> 4 === 6;
  const ipHeader = isIpv6 ? IPV6_HEADER : ipv4HeaderLength(view, ip);
  const protocol = view.getUint8(ip + (isIpv6 ? 6 : 9));
  if (isIpv6) {
    view.setUint16(ip + 4, length - IPV6_HEADER);
  } else {
    view.setUint16(ip + 2, length);
    view.setUint16(ip + 4, (ipv4Identification(view, ip) + index) & 0xffff);
    writeIpv4Checksum(view, ip, ipHeader);
  }
  const start = ip + ipHeader;
  const bytes = length - ipHeader;
  const addresses = isIpv6 ? checksumAdd(0, view, ip + 8, 32) : checksumAdd(0, view, ip + 12, 8);
  const pseudo = addresses + protocol + bytes;
  if (protocol === Protocol.UDP) {
    view.setUint16(start + 4, bytes);
    view.setUint16(start + 6, 0);
    setUdpChecksum(view, start, checksumFinish(checksumAdd(pseudo, view, start, bytes)));
    return;
  }
  view.setUint32(start + TCP_SEQUENCE, (tcpSequence(view, start) + done) >>> 0);
  // The end belongs to the last segment, the answer to an ECN echo to the first (RFC 3168 §6.1.2).
  let flags = view.getUint8(start + TCP_FLAGS);
  if (!isLast) flags &= ~(TcpFlag.FIN | TcpFlag.PSH);
  if (index > 0) flags &= ~TcpFlag.CWR;
  view.setUint8(start + TCP_FLAGS, flags);
  setTcpChecksum(view, start, 0);
  setTcpChecksum(view, start, checksumFinish(checksumAdd(pseudo, view, start, bytes)));
}

/** Where in its header a transport that may have a partial checksum keeps it; nothing for other protocols. */
export function checksumFieldOf(protocol: number): number | undefined {
  if (protocol === Protocol.TCP) return TCP_CHECKSUM;
  return protocol === Protocol.UDP ? UDP_CHECKSUM : undefined;
}

/**
 * The whole checksum of a TCP segment or UDP datagram of `length` bytes at `start` whose field holds only the pseudo
 * header's sum: with the field the sum over all is the one to complement.
 */
export function completedChecksum(view: DataView, start: number, length: number, protocol: number): number {
  const checksum = checksumFinish(checksumAdd(0, view, start, length));
  // [S-034] RFC 768: 0 would say that there is none.
  return checksum === 0 && protocol === Protocol.UDP ? 0xffff : checksum;
}
