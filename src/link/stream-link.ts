import type { Batch } from '../buffer/batch.ts';
import { copyBytes } from '../buffer/copy.ts';
import { allocateMemory, memoryOf } from '../buffer/memory.ts';
import { described, requireInteger, requireOptions, requireType, systemError, usageError } from '../errors.ts';
import type { CarrierLink } from './carrier-link.ts';
import { AbstractCarrierLink } from './carrier-link.ts';
import type { CheckedCarrier, CarrierOptions } from './carrier-options.ts';
import { checkCarrier, CARRIER_OPTIONS, longestPacket } from './carrier-options.ts';
import type { LengthFraming } from './framing.ts';
import { FrameReader, writeLength } from './framing.ts';
import type { LinkHost } from './link.ts';
import type { DuplexLike, StreamEnd, StreamEvents, WebStreamPair } from './stream-ends.ts';
import { streamEnd } from './stream-ends.ts';

export interface StreamLinkOptions extends CarrierOptions {
  /**
   * `'packet'`: each chunk is one packet. Otherwise the chunks are bytes, cut anywhere, in which each packet stands behind
   * its length. Default `'packet'`.
   */
  framing?: 'packet' | LengthFraming;
}

/** Packets that are written before the stream is asked whether it has room: at least one, then up to so many bytes. */
const BURST_BYTES = 65_536;
const BURST_PACKETS = 64;
/** How long a closed link waits until what it has sent is gone, in microseconds. */
const PATIENCE = 1_000_000;

/**
 * A link over a stream that somebody else has made: a Duplex of Node's, such as a socket, or a pair of web streams, whose
 * chunks are packets (as of a `tuntap2` carrier) or bytes with packets behind their lengths (as of QEMU, gvproxy and
 * vpnkit). The stream's back-pressure is the link's. The link ends with the stream, with an error when the stream fails,
 * ends in the middle of a packet, or announces a packet that can't be: no bytes, or too many. To close the link ends the
 * stream. An open stream may keep a process alive, as it does without the link.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE
 * @example
 * const socket = net.connect('/run/vm.sock');
 * const card = { medium: 'ethernet', address: '02:00:00:00:00:01' };
 * stack.attach(streamLink(socket, { ...card, framing: { lengthBytes: 4 } }), { addresses: ['10.0.2.2/24'] });
 */
export function streamLink(stream: DuplexLike | WebStreamPair, options: StreamLinkOptions = {}): CarrierLink {
  requireOptions('streamLink', options, [...CARRIER_OPTIONS, 'framing']);
  const carrier = checkCarrier(options);
  const { framing = 'packet' } = options;
  if (framing !== 'packet') checkFraming(framing, carrier);
  return new StreamLink(streamEnd(stream), carrier, framing);
}

function checkFraming(framing: LengthFraming, { medium, mtu }: CheckedCarrier): void {
  const hint = "'packet' or { lengthBytes: 2 | 4 }";
  if (typeof framing !== 'object' || framing === null) {
    throw usageError('ERR_INVALID_ARG_VALUE', `framing must be ${hint}, not ${described(framing)}`);
  }
  requireOptions('framing', framing, ['lengthBytes', 'littleEndian', 'maximum']);
  const { lengthBytes, littleEndian = false, maximum = longestPacket(medium) } = framing;
  if (lengthBytes !== 2 && lengthBytes !== 4) {
    throw usageError('ERR_INVALID_ARG_VALUE', `framing must be ${hint}, not of ${described(lengthBytes)} bytes`);
  }
  requireType('framing.littleEndian', littleEndian, 'boolean');
  requireInteger('framing.maximum', maximum, 1, 0x7fff_ffff);
  if (lengthBytes === 2 && longestPacket(medium) - 65_535 + mtu > 65_535) {
    throw usageError('ERR_OUT_OF_RANGE', `lengths of 2 bytes are too short for an MTU of ${mtu}`, RangeError);
  }
}

class StreamLink extends AbstractCarrierLink implements StreamEvents {
  readonly #stream: StreamEnd;
  readonly #framing: LengthFraming | undefined;
  readonly #frames: FrameReader | undefined;
  /** `transmit` left packets. */
  #refused: boolean = false;

  constructor(stream: StreamEnd, carrier: CheckedCarrier, framing: 'packet' | LengthFraming) {
    super(carrier, {});
    this.#stream = stream;
    if (framing === 'packet') return;
    this.#framing = framing;
    this.#frames = new FrameReader(framing, framing.maximum ?? longestPacket(carrier.medium));
  }

  protected override start(): void {
    // First: a stream that is read may say at once that it is over.
    this.connected();
    this.#stream.start(this);
  }

  protected override transmit(batch: Batch): number {
    const { count } = batch;
    let row = 0;
    while (row < count) {
      if (!this.#stream.hasRoom) {
        this.#refused = true;
        return row;
      }
      try {
        row =
          this.#framing === undefined ? this.#writePackets(batch, row) : this.#writeFrames(batch, row, this.#framing);
      } catch (error) {
        this.onGone(error);
        return row;
      }
    }
    return count;
  }

  protected override stop(host: LinkHost | undefined): void {
    if (host === undefined) return this.#stream.destroy();
    // Nobody waits for it: how soon the other side reads is not this side's affair.
    const patience = host.clock.timer(() => this.#stream.destroy());
    patience.at(host.clock.now() + PATIENCE);
    this.#stream.finish(() => patience.cancel());
  }

  protected override inboxEmptied(): void {
    this.#stream.resume();
    this.#readFrames();
  }

  onChunk(chunk: unknown): void {
    if (!(chunk instanceof Uint8Array)) {
      if (this.#frames === undefined) this.drop('received-not-bytes');
      else this.#fail(`the stream gives ${described(chunk)} instead of bytes`);
      return;
    }
    if (this.#frames !== undefined) {
      if (this.#frames.failure !== undefined) return;
      this.#frames.give(chunk);
      this.#readFrames();
      return;
    }
    // Who gives packets one by one may have them in memory that is used again: the copy is small.
    this.copied(memoryOf(chunk), 0, chunk.length);
    if (!this.inboxHasRoom) this.#stream.pause();
  }

  onRoom(): void {
    if (!this.#refused) return;
    this.#refused = false;
    this.writable();
  }

  onEnd(): void {
    if (this.#frames?.between === false) this.#fail('the stream ended in the middle of a packet');
    else this.ended();
  }

  onGone(error: unknown): void {
    if (error === undefined) this.onEnd();
    else this.ended(error instanceof Error ? error : systemError('EIO', 'read', { cause: error }));
  }

  #readFrames(): void {
    const frames = this.#frames;
    if (frames === undefined) return;
    while (this.inboxHasRoom) {
      if (frames.next()) {
        this.arrived(frames.memory, frames.offset, frames.length);
        continue;
      }
      if (frames.failure !== undefined) this.#fail(frames.failure);
      return;
    }
    this.#stream.pause();
  }

  #fail(hint: string): void {
    this.ended(systemError('EPROTO', 'read', { hint }));
  }

  /** Writes packets from `row` on, each as a chunk of its own; returns the row behind the last. */
  #writePackets(batch: Batch, row: number): number {
    let bytes = 0;
    const end = Math.min(batch.count, row + BURST_PACKETS);
    for (; row < end && bytes < BURST_BYTES; row++) {
      if (!this.mayPass(batch, row)) continue;
      const offset = batch.offset[row]!;
      const length = batch.length[row]!;
      this.#stream.write(batch.memory[row]!.bytes.slice(offset, offset + length));
      bytes += length;
    }
    return row;
  }

  /** The same, with their lengths in one chunk. */
  #writeFrames(batch: Batch, first: number, framing: LengthFraming): number {
    const { lengthBytes } = framing;
    let size = 0;
    let end = first;
    const last = Math.min(batch.count, first + BURST_PACKETS);
    while (end < last && size < BURST_BYTES) size += lengthBytes + batch.length[end++]!;
    const chunk = allocateMemory(size);
    let used = 0;
    for (let row = first; row < end; row++) {
      if (!this.mayPass(batch, row)) continue;
      const length = batch.length[row]!;
      const at = writeLength(chunk.view, used, length, framing);
      copyBytes(chunk.bytes, at, batch.memory[row]!.bytes, batch.offset[row]!, length);
      used = at + length;
    }
    if (used > 0) this.#stream.write(used === size ? chunk.bytes : chunk.bytes.subarray(0, used));
    return end;
  }
}
