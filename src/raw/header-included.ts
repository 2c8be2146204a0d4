import type { Path } from '../buffer/path.ts';
import { copyBytes } from '../buffer/copy.ts';
import { Address } from '../wire/address.ts';
import {
  IPV4_HEADER_LENGTH,
  ipv4Destination,
  ipv4DontFragment,
  ipv4HeaderLength,
  ipv4Identification,
  ipv4Source,
  setIpv4Identification,
  setIpv4Source,
  setIpv4TotalLength,
  writeIpv4Checksum,
} from '../wire/ipv4.ts';

/** An IPv4 packet that a program made, header included. */
export class MadePacket {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(message: Uint8Array | readonly Uint8Array[]) {
    this.bytes = message instanceof Uint8Array ? message : joined(message);
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }

  /** Has a header of IPv4. */
  get valid(): boolean {
    const { byteLength } = this.bytes;
    if (byteLength < IPV4_HEADER_LENGTH || this.#view.getUint8(0) >>> 4 !== 4) return false;
    const headerLength = ipv4HeaderLength(this.#view, 0);
    return headerLength >= IPV4_HEADER_LENGTH && headerLength <= byteLength;
  }

  /** Undefined where it is 0.0.0.0: the stack's to fill in. */
  get source(): Address | undefined {
    const word = ipv4Source(this.#view, 0);
    return word === 0 ? undefined : Address.fromIpv4(word);
  }

  get destination(): Address {
    return Address.fromIpv4(ipv4Destination(this.#view, 0));
  }

  /**
   * Completes a copy as raw(7) says, and sends it.
   *
   * @param identification for a packet that may be fragmented and has none
   * @returns false when the queue is full; nothing was taken then
   */
  send(path: Path, identification: number): boolean {
    const { bytes } = this;
    const packet = path.reserve(bytes.byteLength);
    if (packet === undefined) return false;
    const { memory, start } = packet;
    const { view } = memory;
    copyBytes(memory.bytes, start, bytes, 0, bytes.byteLength);
    setIpv4TotalLength(view, start, bytes.byteLength);
    if (ipv4Source(view, start) === 0) setIpv4Source(view, start, path.local.d);
    // [S-043] RFC 6864 §4.1: that of an atomic datagram means nothing.
    if (ipv4Identification(view, start) === 0 && !ipv4DontFragment(view, start)) {
      setIpv4Identification(view, start, identification);
    }
    writeIpv4Checksum(view, start, ipv4HeaderLength(view, start));
    path.sendWhole(packet);
    return true;
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}
