import type { Batch } from '../buffer/batch.ts';
import { requireInteger, requireMethods, requireOptions, requireType } from '../errors.ts';
import type { Clock } from '../time/clock.ts';
import type { Link } from './link.ts';
import { requireLink } from './link.ts';
import { tap } from './tap.ts';

/** Where a capture goes: a function, or anything with `write(bytes)` such as a file stream. The bytes are its to keep. */
export type CaptureSink = ((bytes: Uint8Array) => void) | { write(bytes: Uint8Array): unknown };

export interface CaptureOptions {
  /** Write timestamps in nanoseconds instead of microseconds. Default false. */
  nanosecond?: boolean;
  /** Bytes kept of each packet. Default 262,144, as tcpdump's. */
  snapLength?: number;
}

const MAGIC_MICROSECOND = 0xa1b2_c3d4;
const MAGIC_NANOSECOND = 0xa1b2_3c4d;
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/**
 * Wraps a link so that all its packets are written to `sink` as a classic pcap file (little-endian, version 2.4), which
 * Wireshark and tcpdump read. The file header is written at once, then one piece for each batch. Super-segments and
 * partial checksums stand in the file as they pass: Wireshark's checksum check stays off for them.
 *
 * @throws ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 * @example
 * const pieces: Uint8Array[] = [];
 * const [a, b] = cable();
 * stack.attach(capture(a, (bytes) => pieces.push(bytes)), { addresses: ['10.0.0.1/24'] });
 */
export function capture(link: Link, sink: CaptureSink, options: CaptureOptions = {}): Link {
  requireLink(link);
  requireOptions('capture', options, ['nanosecond', 'snapLength']);
  const { nanosecond = false, snapLength = 262_144 } = options;
  requireType('nanosecond', nanosecond, 'boolean');
  requireInteger('snapLength', snapLength, 1, 0x7fff_ffff);
  if (typeof sink !== 'function') requireMethods('sink', sink, ['write'], 'a function or an object with write(bytes)');
  const write = typeof sink === 'function' ? sink : (bytes: Uint8Array): unknown => sink.write(bytes);
  const linkType = link.medium === 'ethernet' ? LINKTYPE_ETHERNET : LINKTYPE_RAW;
  let clock: Clock | undefined;
  const record = (batch: Batch, count: number): void => {
    if (clock !== undefined && count > 0) write(records(batch, count, clock.wallTime(), nanosecond, snapLength));
  };
  write(fileHeader(nanosecond ? MAGIC_NANOSECOND : MAGIC_MICROSECOND, snapLength, linkType));
  return tap(link, {
    onOpen: (host) => {
      clock = host.clock;
    },
    onSend: record,
    onReceive: record,
  });
}

function fileHeader(magic: number, snapLength: number, linkType: number): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  // Time zone and accuracy of the timestamps, 8 bytes, are zero in every capture.
  view.setUint32(16, snapLength, true);
  view.setUint32(20, linkType, true);
  return bytes;
}

/** The first `count` packets of a batch as pcap records with one time, `wallTime` in microseconds. */
function records(batch: Batch, count: number, wallTime: number, nanosecond: boolean, snapLength: number): Uint8Array {
  let total = 0;
  for (let i = 0; i < count; i++) total += RECORD_HEADER + Math.min(batch.length[i]!, snapLength);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  const seconds = Math.floor(wallTime / 1e6);
  const fraction = Math.floor((wallTime - seconds * 1e6) * (nanosecond ? 1000 : 1));
  let at = 0;
  for (let i = 0; i < count; i++) {
    const offset = batch.offset[i]!;
    const captured = Math.min(batch.length[i]!, snapLength);
    view.setUint32(at, seconds, true);
    view.setUint32(at + 4, fraction, true);
    view.setUint32(at + 8, captured, true);
    view.setUint32(at + 12, batch.length[i]!, true);
    at += RECORD_HEADER;
    bytes.set(batch.memory[i]!.bytes.subarray(offset, offset + captured), at);
    at += captured;
  }
  return bytes;
}
