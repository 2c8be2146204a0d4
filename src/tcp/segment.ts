import type { Datagram } from '../buffer/datagram.ts';
import type { Memory } from '../buffer/memory.ts';
import { Checksum } from '../buffer/batch.ts';
import { seqAdd } from '../buffer/seq.ts';
import { sumMemory } from '../buffer/stack-memory.ts';
import { checksumFinish, pseudoHeaderSum } from '../wire/checksum.ts';
import { Protocol } from '../wire/protocol.ts';
import type { TcpFlaw } from '../wire/tcp.ts';
import * as tcp from '../wire/tcp.ts';
import { readTcpOptions, TcpOptions } from '../wire/tcp-options.ts';
import { WIDE } from '../buffer/wide.ts';

/** The ECN field of a packet that met congestion. */
const CE = 3;

/**
 * An arrived segment: RFC 9293's SEG.* variables. One object is reused for segment after segment: it is valid for the
 * call that passes it.
 */
export class Segment {
  /** The datagram that carries it. */
  datagram!: Datagram;
  sourcePort: number = 0;
  destinationPort: number = 0;
  /** SEG.SEQ: the sequence number of the first octet, SYN counted. */
  seq: number = WIDE;
  /** SEG.ACK; meaningful with the ACK flag. */
  ack: number = WIDE;
  flags: number = 0;
  /** SEG.WND as it stands in the header, not scaled: 0 to 65,535. See `window`. */
  wnd: number = 0;
  /** It came with SYN, which may have been trimmed off. */
  synchronizes: boolean = false;
  /** It came with payload, which may have been trimmed off. */
  carriesText: boolean = false;
  /** It came with payload and marked CE (RFC 3168 §5); the payload may have been trimmed off. */
  marked: boolean = false;
  /** SEG.UP, with URG: the sequence number that the urgent pointer points to, behind the urgent data [MUST-62]. */
  up: number = WIDE;
  /** Where the payload begins in `memory`. */
  payloadOffset: number = 0;
  /** Bytes of payload. */
  payloadLength: number = 0;
  readonly options: TcpOptions = new TcpOptions();

  get memory(): Memory {
    return this.datagram.memory;
  }

  /** Arrival time in microseconds. */
  get now(): number {
    return this.datagram.now;
  }

  /** SEG.LEN: octets of sequence space, SYN and FIN counted. */
  get length(): number {
    const { flags } = this;
    return this.payloadLength + (flags & tcp.TcpFlag.SYN ? 1 : 0) + (flags & tcp.TcpFlag.FIN ? 1 : 0);
  }

  /** The sequence number behind the payload: that of the FIN, if there is one. */
  get payloadEnd(): number {
    return seqAdd(this.seq, this.payloadLength + (this.flags & tcp.TcpFlag.SYN ? 1 : 0));
  }

  /** SEG.WND in bytes. [S-063] RFC 7323 §2.2: the window of a segment with SYN is never scaled. */
  window(scale: number): number {
    // At most 65,535 · 2¹⁴: a shift of 32 bits has room for it.
    return this.synchronizes ? this.wnd : this.wnd << scale;
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Reads the segment that the datagram carries; returns why it must be dropped, or nothing. */
  load(datagram: Datagram): TcpFlaw | 'tcp-bad-checksum' | undefined {
    this.datagram = datagram;
    const { view } = datagram.memory;
    const { start, length } = datagram;
    const flaw = tcp.checkTcp(view, start, length);
    if (flaw !== undefined) return flaw;
    // [MUST-3] RFC 9293 §3.1: verified, unless the link vouches for the bytes.
    if (datagram.checksum === Checksum.none) {
      const { source, destination, memory } = datagram;
      const sum = sumMemory(pseudoHeaderSum(source, destination, Protocol.TCP, length), memory, start, length);
      if (checksumFinish(sum) !== 0) return 'tcp-bad-checksum';
    }
    this.sourcePort = tcp.tcpSourcePort(view, start);
    this.destinationPort = tcp.tcpDestinationPort(view, start);
    this.seq = tcp.tcpSequence(view, start);
    this.ack = tcp.tcpAcknowledgment(view, start);
    this.flags = tcp.tcpFlags(view, start);
    this.wnd = tcp.tcpWindow(view, start);
    this.synchronizes = this.has(tcp.TcpFlag.SYN);
    const pointer = tcp.tcpUrgentPointer(view, start);
    // RFC 9293 §3.8.5, "robust to invalid urgent pointer values": this one points to nothing.
    if (pointer === 0) this.flags &= ~tcp.TcpFlag.URG;
    this.up = seqAdd(this.seq, pointer);
    const headerLength = tcp.tcpHeaderLength(view, start);
    this.payloadOffset = start + headerLength;
    this.payloadLength = length - headerLength;
    this.carriesText = this.payloadLength > 0;
    this.marked = this.carriesText && (datagram.trafficClass & CE) === CE;
    // [MUST-5] RFC 9293 §3.1: an option may come in any segment; bad lengths end the list without harm [MUST-7].
    readTcpOptions(view, start + tcp.TCP_HEADER_LENGTH, start + headerLength, this.options);
    return undefined;
  }

  /** Cuts `n` octets of sequence space off the front: first the SYN, then payload. */
  trimFront(n: number): void {
    if (n <= 0) return;
    this.seq = seqAdd(this.seq, n);
    let cut = n;
    if (this.flags & tcp.TcpFlag.SYN) {
      this.flags &= ~tcp.TcpFlag.SYN;
      cut--;
    }
    cut = Math.min(cut, this.payloadLength);
    this.payloadOffset += cut;
    this.payloadLength -= cut;
  }

  /** Keeps only the first `n` bytes of payload; a FIN behind them goes. */
  trimPayload(n: number): void {
    if (n >= this.payloadLength) return;
    this.payloadLength = n;
    this.flags &= ~tcp.TcpFlag.FIN;
  }
}
