import { Batch, Checksum } from '../buffer/batch.ts';
import { copyBytes } from '../buffer/copy.ts';
import type { Memory } from '../buffer/memory.ts';
import { SlabAllocator } from '../buffer/slab.ts';
import { checksumAdd, checksumFinish } from '../wire/checksum.ts';
import { ipv4HeaderLength, ipv4Identification, writeIpv4Checksum } from '../wire/ipv4.ts';
import { Protocol } from '../wire/protocol.ts';
import { TcpFlag, setTcpChecksum, tcpSequence } from '../wire/tcp.ts';
import { setUdpChecksum } from '../wire/udp.ts';
import { superSegmentHeaders } from './super-segment.ts';

const IPV6_HEADER = 40;
const TCP_SEQUENCE = 4;
const TCP_FLAGS = 13;

/** Makes packets as a wire has them of what a link with offload brings: cuts super-segments, completes checksums. */
export class Segmenter {
  /** What the last `cut` made, in memory that is never rewritten. */
  readonly pieces: Batch = new Batch();
  readonly #slabs: SlabAllocator = new SlabAllocator();

  constructor() {
    this.pieces.retained = true;
  }

  /**
   * Makes `pieces` of packet `row`; false when it is neither TCP nor UDP.
   *
   * @param front bytes in front of the IP header
   */
  cut(batch: Batch, row: number, front: number): boolean {
    const { pieces } = this;
    pieces.clear();
    const memory = batch.memory[row]!;
    const offset = batch.offset[row]!;
    const length = batch.length[row]!;
    const transport = superSegmentHeaders(memory, offset + front, length - front);
    const headers = front + transport;
    if (transport === 0 || headers > length) return false;
    const payload = length - headers;
    // An ordinary packet with a partial checksum is one piece.
    const size = batch.segmentSize[row]! || payload;
    let done = 0;
    do {
      const n = Math.min(size, payload - done);
      this.#slabs.allocate(headers + n);
      const piece = this.#slabs.memory;
      const at = this.#slabs.offset;
      copyBytes(piece.bytes, at, memory.bytes, offset, headers);
      copyBytes(piece.bytes, at + headers, memory.bytes, offset + headers + done, n);
      // The payload was vouched for, and the checksum is made here.
      finish(piece, at + front, transport + n, done, pieces.count, done + n === payload);
      pieces.push(piece, at, headers + n, Checksum.valid);
      done += n;
    } while (done < payload);
    return true;
  }
}

/** Corrects the headers of piece `index`, whose payload begins `done` bytes into the whole. */
function finish({ view }: Memory, ip: number, length: number, done: number, index: number, isLast: boolean): void {
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
