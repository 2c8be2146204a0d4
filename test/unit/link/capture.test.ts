import { Readable } from 'node:stream';
import { parse } from 'pcap-parser';
import { describe, expect, it } from 'vitest';
import { Batch, batchOf } from '../../../src/buffer/batch.ts';
import { cable } from '../../../src/link/cable.ts';
import type { CaptureOptions } from '../../../src/link/capture.ts';
import { capture } from '../../../src/link/capture.ts';
import type { Link, LinkHost } from '../../../src/link/link.ts';
import { NO_OFFLOAD } from '../../../src/link/link.ts';
import { testPacket } from '../../../src/link/suite-packets.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { RecordingHost } from './pairs.ts';

interface Parsed {
  header: Record<string, number>;
  packets: { header: Record<string, number>; data: Uint8Array }[];
}

/** Reads a capture with the independent reader `pcap-parser`. */
function readBack(pieces: Uint8Array[]): Promise<Parsed> {
  return new Promise((resolve, reject) => {
    const parsed: Parsed = { header: {}, packets: [] };
    const parser = parse(Readable.from(pieces.map((piece) => Buffer.from(piece))));
    parser.on('globalHeader', (header) => (parsed.header = header));
    parser.on('packet', (packet) => parsed.packets.push(packet));
    parser.on('error', reject);
    parser.on('end', () => resolve(parsed));
  });
}

/** A capture at one end of a cable: two packets out, one in 1.5 s later, one out at the same instant. */
function record(options?: CaptureOptions): { pieces: Uint8Array[]; packets: Uint8Array[] } {
  const clock = new VirtualClock({ wallTime: 1_700_000_000_123_456.75 });
  const pieces: Uint8Array[] = [];
  const [a, b] = cable({ queue: 2 });
  const captured = capture(a, (bytes) => pieces.push(bytes), options);
  void captured.open(new RecordingHost(clock));
  void b.open(new RecordingHost(clock));
  const packets = [40, 1500, 60, 20].map((length, id) => testPacket('ip', length, id));
  captured.send(batchOf(packets.slice(0, 3)));
  clock.advance(1_500_000);
  b.send(batchOf(packets.slice(2, 3)));
  clock.advance(0);
  captured.send(batchOf(packets.slice(3)));
  // The capture must not depend on memory that its packets lay in.
  const written = packets.map((packet) => packet.slice());
  for (const packet of packets) packet.fill(0);
  return { pieces, packets: written };
}

describe('capture', () => {
  it('writes a pcap file that an independent reader understands', async () => {
    const { pieces, packets } = record();
    const { header, packets: read } = await readBack(pieces);
    expect(header).toMatchObject({
      magicNumber: 0xa1b2_c3d4,
      majorVersion: 2,
      minorVersion: 4,
      gmtOffset: 0,
      timestampAccuracy: 0,
      snapshotLength: 262_144,
      linkLayerType: 101,
    });
    expect(read.map(({ data }) => Uint8Array.from(data))).toEqual(packets);
    expect(read.map(({ header: h }) => [h['timestampSeconds'], h['timestampMicroseconds']])).toEqual([
      [1_700_000_000, 123_456],
      [1_700_000_000, 123_456],
      [1_700_000_001, 623_456],
      [1_700_000_001, 623_456],
    ]);
    expect(read.map(({ header: h }) => [h['capturedLength'], h['originalLength']])).toEqual(
      [40, 1500, 60, 20].map((length) => [length, length]),
    );
  });

  it('writes nanoseconds when told', () => {
    const { pieces, packets } = record({ nanosecond: true });
    const file = Buffer.concat(pieces);
    expect(file.readUInt32LE(0)).toBe(0xa1b2_3c4d);
    const read = [];
    for (let at = 24; at < file.length; at += 16 + file.readUInt32LE(at + 8)) {
      const data = file.subarray(at + 16, at + 16 + file.readUInt32LE(at + 8));
      read.push({ time: [file.readUInt32LE(at), file.readUInt32LE(at + 4)], data: Uint8Array.from(data) });
    }
    expect(read).toEqual([
      { time: [1_700_000_000, 123_456_750], data: packets[0] },
      { time: [1_700_000_000, 123_456_750], data: packets[1] },
      { time: [1_700_000_001, 623_456_750], data: packets[2] },
      { time: [1_700_000_001, 623_456_750], data: packets[3] },
    ]);
  });

  it('keeps the first bytes of long packets and says how long they were', async () => {
    const { pieces, packets } = record({ snapLength: 50 });
    const { header, packets: read } = await readBack(pieces);
    expect(header['snapshotLength']).toBe(50);
    expect(read.map(({ data }) => Uint8Array.from(data))).toEqual(packets.map((packet) => packet.subarray(0, 50)));
    expect(read.map(({ header: h }) => [h['capturedLength'], h['originalLength']])).toEqual([
      [40, 40],
      [50, 1500],
      [50, 60],
      [20, 20],
    ]);
  });

  it('names Ethernet, and writes its header at once to anything with write()', async () => {
    const card: Link = {
      medium: 'ethernet',
      mtu: 1500,
      up: false,
      offload: NO_OFFLOAD,
      open: () => {},
      send: (batch) => batch.count,
      close: () => {},
    };
    const written: Uint8Array[] = [];
    const sink = {
      file: written,
      write(bytes: Uint8Array): boolean {
        this.file.push(bytes);
        return true;
      },
    };
    const captured = capture(card, sink);
    expect((await readBack(written)).header['linkLayerType']).toBe(1);
    // Down, and so nothing is sent.
    captured.send(batchOf([testPacket('ethernet', 40, 1)]));
    expect(written).toHaveLength(1);
  });

  it('gives its sink bytes to keep', () => {
    const { pieces } = record();
    expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBe(pieces.length);
  });

  it('writes nothing for an empty batch', () => {
    const [a, b] = cable();
    let host: LinkHost | undefined;
    const opening = a.open.bind(a);
    a.open = (inner) => {
      host = inner;
      return opening(inner);
    };
    let pieces = 0;
    const captured = capture(a, () => pieces++);
    const clock = new VirtualClock();
    void captured.open(new RecordingHost(clock));
    void b.open(new RecordingHost(clock));
    host?.receive(new Batch());
    captured.send(new Batch());
    expect(pieces).toBe(1);
    host?.receive(batchOf([testPacket('ip', 40, 1)]));
    expect(pieces).toBe(2);
  });

  it('refuses a snap length that makes no sense', () => {
    for (const snapLength of [0, -1, 1.5, NaN, 2 ** 31]) {
      const wrong = (): Link => capture(cable()[0], () => {}, { snapLength });
      expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    }
    const wrong = (): Link => capture(cable()[0], () => {}, { nanosecond: 1 as never });
    expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });
});
