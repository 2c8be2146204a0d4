import { describe, expect, it } from 'vitest';
import type { LengthFraming } from '../../../src/link/framing.ts';
import { FrameReader, writeLength } from '../../../src/link/framing.ts';

const QEMU: LengthFraming = { lengthBytes: 4 };

/** What a reader makes of these chunks: the packets as hex, or why it gave up. */
function read(
  framing: LengthFraming,
  chunks: number[][],
  maximum: number = 100,
): { packets: string[]; reader: FrameReader } {
  const reader = new FrameReader(framing, maximum);
  const packets: string[] = [];
  for (const chunk of chunks) {
    reader.give(Uint8Array.from(chunk));
    while (reader.next()) {
      const { memory, offset, length } = reader;
      packets.push(Buffer.from(memory.bytes.subarray(offset, offset + length)).toString('hex'));
    }
  }
  return { packets, reader };
}

describe('FrameReader', () => {
  it.each([
    ['4 bytes', { lengthBytes: 4 }, [0, 0, 0, 3]],
    ['2 bytes', { lengthBytes: 2 }, [0, 3]],
    ['4 bytes, the lowest first', { lengthBytes: 4, littleEndian: true }, [3, 0, 0, 0]],
    ['2 bytes, the lowest first', { lengthBytes: 2, littleEndian: true }, [3, 0]],
  ] as const)('knows lengths of %s, cut anywhere', (_title, framing, length) => {
    const stream = [...length, 1, 2, 3, ...length, 4, 5, 6];
    for (let cut = 0; cut <= stream.length; cut++) {
      for (let second = cut; second <= stream.length; second++) {
        const chunks = [stream.slice(0, cut), stream.slice(cut, second), stream.slice(second)];
        const { packets, reader } = read(framing, chunks);
        expect(packets).toEqual(['010203', '040506']);
        expect([reader.failure, reader.between]).toEqual([undefined, true]);
      }
    }
  });

  it('leaves a packet where it is if it is whole', () => {
    const reader = new FrameReader(QEMU, 100);
    const chunk = Uint8Array.of(0, 0, 0, 2, 7, 8);
    reader.give(chunk);
    expect(reader.next()).toBe(true);
    expect(reader.memory.bytes).toBe(chunk);
    expect([reader.offset, reader.length]).toEqual([4, 2]);
  });

  it.each([
    ['no bytes', [0, 0, 0, 0], 'a packet of 0 bytes is announced, of 1 to 100 possible: is the framing right?'],
    ['too many', [0, 0, 0, 101], 'a packet of 101 bytes is announced'],
    ['2 to the 31', [0x80, 0, 0, 0], 'a packet of 2147483648 bytes is announced'],
    ['all that there are', [255, 255, 255, 255], 'a packet of 4294967295 bytes is announced'],
  ])('gives up when a packet of %s is announced', (_title, length, failure) => {
    const { packets, reader } = read(QEMU, [
      [0, 0, 0, 1, 9, ...length],
      [0, 0, 0, 1, 9],
    ]);
    expect(packets).toEqual(['09']);
    expect(reader.failure).toContain(failure);
  });

  it('knows whether a packet is under way', () => {
    for (const rest of [[0], [0, 0, 0, 2], [0, 0, 0, 2, 1]]) {
      expect(read(QEMU, [[0, 0, 0, 1, 9, ...rest]]).reader.between).toBe(false);
    }
    expect(read(QEMU, []).reader.between).toBe(true);
    expect(read(QEMU, [[]]).reader.between).toBe(true);
  });

  it('holds no memory for what was only announced', () => {
    const reader = new FrameReader(QEMU, 0x7fff_ffff);
    reader.give(Uint8Array.of(0x7f, 0xff, 0xff, 0xff, 1));
    expect(reader.next()).toBe(false);
    for (let i = 0; i < 5000; i++) {
      reader.give(Uint8Array.of(2));
      expect(reader.next()).toBe(false);
    }
    expect(reader.held).toBeLessThanOrEqual(16_384);
  });

  it('goes on with what was left of a chunk when the next one comes', () => {
    const reader = new FrameReader(QEMU, 100);
    reader.give(Uint8Array.of(0, 0, 0, 1, 7, 0, 0, 0, 1, 8, 0, 0));
    expect(reader.next()).toBe(true);
    reader.give(Uint8Array.of(0, 1, 9));
    const left: number[] = [];
    while (reader.next()) left.push(reader.memory.bytes[reader.offset]!);
    expect(left).toEqual([8, 9]);
  });
});

describe('writeLength', () => {
  it('writes what a reader reads', () => {
    for (const lengthBytes of [2, 4] as const) {
      for (const littleEndian of [false, true]) {
        const bytes = new Uint8Array(1 + lengthBytes + 300);
        const at = writeLength(new DataView(bytes.buffer), 1, 300, { lengthBytes, littleEndian });
        expect(at).toBe(1 + lengthBytes);
        const { packets } = read({ lengthBytes, littleEndian }, [[...bytes.subarray(1)]], 300);
        expect(packets).toEqual(['00'.repeat(300)]);
      }
    }
  });
});
