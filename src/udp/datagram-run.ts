import { copyPieces } from '../buffer/copy.ts';
import type { Path, SendOptions } from '../buffer/path.ts';
import { checksumFold, pseudoHeaderSum } from '../wire/checksum.ts';
import { Protocol } from '../wire/protocol.ts';
import { setUdpChecksum, setUdpLength, UDP_HEADER_LENGTH } from '../wire/udp.ts';

/** Datagrams in one packet. Linux: UDP_MAX_SEGMENTS, of kernels before 6.9. */
const MOST = 64;

/**
 * The packet that a socket has sent last: as long as it waits in its interface's queue, datagrams for the same peer with the same
 * headers go into it, where the link takes many in one packet (USO). All have the length of the first; one that is shorter is
 * the last.
 */
export class DatagramRun {
  #path: Path | undefined;
  #sourcePort: number = 0;
  #destinationPort: number = 0;
  #reservation: number = 0;
  #ttl: SendOptions['ttl'] = 0;
  #trafficClass: number = 0;
  /** Where the UDP header begins. */
  #start: number = 0;
  /** Bytes of the first message. */
  #size: number = 0;
  /** Bytes of UDP header and messages. */
  #total: number = 0;
  /** Messages that may follow. */
  #room: number = 0;

  /**
   * A datagram was sent with its checksum left to the link.
   *
   * @param reservation of its packet
   * @param start where the UDP header begins in its memory
   * @param size bytes of the message
   */
  begin(
    path: Path,
    sourcePort: number,
    destinationPort: number,
    reservation: number,
    start: number,
    size: number,
    options: SendOptions,
  ): void {
    const most = path.uso - path.headerLength - UDP_HEADER_LENGTH;
    this.#room = size === 0 || options.options !== undefined ? 0 : Math.min(MOST, Math.floor(most / size)) - 1;
    if (this.#room <= 0) return;
    this.#path = path;
    this.#sourcePort = sourcePort;
    this.#destinationPort = destinationPort;
    this.#reservation = reservation;
    this.#ttl = options.ttl;
    this.#trafficClass = options.trafficClass;
    this.#start = start;
    this.#size = size;
    this.#total = UDP_HEADER_LENGTH + size;
  }

  /** Appends a message of `length` bytes; false when it can't, and has to go by itself. */
  append(
    path: Path,
    sourcePort: number,
    destinationPort: number,
    message: Uint8Array | readonly Uint8Array[],
    length: number,
    options: SendOptions,
  ): boolean {
    if (this.#room <= 0 || path !== this.#path || length === 0 || length > this.#size) return false;
    if (sourcePort !== this.#sourcePort || destinationPort !== this.#destinationPort) return false;
    if (options.ttl !== this.#ttl || options.trafficClass !== this.#trafficClass) return false;
    if (options.options !== undefined || path.headerLength + UDP_HEADER_LENGTH + length > path.mtu) return false;
    const packet = path.extend(this.#reservation, this.#start, length, this.#size);
    if (packet === undefined) return false;
    const { bytes, view } = packet.memory;
    copyPieces(bytes, packet.start, message);
    this.#total += length;
    setUdpLength(view, this.#start, this.#total);
    const sum = pseudoHeaderSum(path.local, path.remote, Protocol.UDP, this.#total);
    setUdpChecksum(view, this.#start, checksumFold(sum));
    this.#room = length < this.#size ? 0 : this.#room - 1;
    return true;
  }
}
