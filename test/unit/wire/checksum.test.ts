import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import {
  checksumAdd,
  checksumFinish,
  checksumFold,
  checksumUpdate,
  pseudoHeaderSum,
  transportChecksum,
} from '../../../src/wire/checksum.ts';
import { hex, viewOf } from '../../support/wire.ts';

/** RFC 1071 §4.1, word for word. */
function oracle(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += bytes[i]! * 256 + bytes[i + 1]!;
  if (bytes.length % 2 === 1) sum += bytes.at(-1)! * 256;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}

/** Bytes in which long runs of 0 and 255 are common: they make the carries. */
const bytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(90).map((n) => new Uint8Array(n).fill(255)),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => Uint8Array.from(pieces.flatMap((piece) => [...piece])));

describe('checksum', () => {
  it('[S-057] sums the example of RFC 1071 §3', () => {
    const example = hex('0001 f203 f4f5 f6f7');
    expect(checksumFold(checksumAdd(0, viewOf(example), 0, 8))).toBe(0xddf2);
    expect(checksumFinish(checksumAdd(0, viewOf(example), 0, 8))).toBe(0x220d);
  });

  it('[S-057] agrees with the plain 16-bit sum for every length, odd ones padded with zero', () => {
    const noise = Uint8Array.from({ length: 300 }, (_, i) => (i * 151 + (i >> 2) * 7) & 255);
    for (let length = 0; length <= 300; length++) {
      const sum = checksumAdd(0, viewOf(noise), 0, length);
      expect(checksumFinish(sum), `${length} bytes`).toBe(oracle(noise.subarray(0, length)));
    }
  });

  it('agrees with the plain 16-bit sum at every offset', () => {
    fc.assert(
      fc.property(bytes, fc.nat(9), (content, offset) => {
        const memory = new Uint8Array(offset + content.length + 9).fill(0xa5);
        memory.set(content, offset);
        expect(checksumFinish(checksumAdd(0, viewOf(memory), offset, content.length))).toBe(oracle(content));
      }),
      { numRuns: 500 },
    );
  });

  it('is the same when the bytes are cut into pieces, odd and even', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(), { maxLength: 5 }), (content, places) => {
        const cuts = [
          0,
          ...places.map((place) => place % (content.length + 1)).toSorted((x, y) => x - y),
          content.length,
        ];
        let sum = 0;
        for (let i = 1; i < cuts.length; i++) {
          sum = checksumAdd(sum, viewOf(content), cuts[i - 1]!, cuts[i]! - cuts[i - 1]!, cuts[i - 1]);
        }
        expect(checksumFinish(sum)).toBe(oracle(content));
      }),
      { numRuns: 500 },
    );
  });

  it('loses no carry in the largest packet', () => {
    const ones = new Uint8Array(65535).fill(255);
    expect(checksumFinish(checksumAdd(0, viewOf(ones), 0, 65535))).toBe(oracle(ones));
    expect(checksumFinish(checksumAdd(0, viewOf(ones), 0, 65534))).toBe(0);
  });

  it('takes thousands of pieces', () => {
    const ones = new Uint8Array(2).fill(255);
    let sum = 0;
    for (let i = 0; i < 60_000; i++) sum = checksumAdd(sum, viewOf(ones), 0, 2);
    expect(checksumFinish(checksumAdd(sum, viewOf(hex('0001')), 0, 2))).toBe(0xfffe);
  });

  it('is 0 over bytes that hold their checksum', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 80 }), (content) => {
        const view = viewOf(content);
        view.setUint16(2, 0);
        view.setUint16(2, checksumFinish(checksumAdd(0, view, 0, content.length)));
        expect(checksumFinish(checksumAdd(0, view, 0, content.length))).toBe(0);
      }),
    );
  });
});

describe('pseudo header', () => {
  it('is that of RFC 9293 §3.1 for IPv4', () => {
    const source = Address.parse('192.168.255.254');
    const destination = Address.parse('10.255.0.1');
    const written = Uint8Array.from([...source.bytes(), ...destination.bytes(), 0, 6, 0xfe, 0xdc]);
    expect(checksumFinish(pseudoHeaderSum(source, destination, 6, 0xfedc))).toBe(oracle(written));
  });

  it('is that of RFC 8200 §8.1 for IPv6', () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV6(), fc.nat(0x1ffff), (from, to, length) => {
        const [source, destination] = [Address.parse(from), Address.parse(to)];
        const tail = [0, length >>> 16, (length >>> 8) & 255, length & 255, 0, 0, 0, 17];
        const written = Uint8Array.from([...source.bytes(), ...destination.bytes(), ...tail]);
        expect(checksumFinish(pseudoHeaderSum(source, destination, 17, length))).toBe(oracle(written));
      }),
    );
  });

  it('goes into the transport checksum', () => {
    const [source, destination] = [Address.parse('10.0.0.1'), Address.parse('10.0.0.2')];
    const segment = hex('0102 0304 05');
    const whole = Uint8Array.from([...source.bytes(), ...destination.bytes(), 0, 17, 0, 5, ...segment]);
    expect(transportChecksum(viewOf(segment), 0, 5, source, destination, 17)).toBe(oracle(whole));
  });

  it('completes a partial checksum: the field holds the folded sum of the pseudo header', () => {
    const [source, destination] = [Address.parse('10.0.0.1'), Address.parse('10.0.0.2')];
    const segment = hex('0102 0000 0506 0708 09');
    const right = transportChecksum(viewOf(segment), 0, segment.length, source, destination, 6);
    viewOf(segment).setUint16(2, checksumFold(pseudoHeaderSum(source, destination, 6, segment.length)));
    expect(checksumFinish(checksumAdd(0, viewOf(segment), 0, segment.length))).toBe(right);
  });
});

describe('incremental update', () => {
  it('[S-056] gives 0x0000 in the example of RFC 1624 §4, where RFC 1141 gave 0xffff', () => {
    expect(checksumUpdate(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  it('[S-056] agrees with a checksum computed afresh', () => {
    // A header is never all zeros: there 0x0000 and 0xffff would both be right.
    const header = fc.uint8Array({ minLength: 20, maxLength: 60 }).filter((content) => content[0] !== 0);
    fc.assert(
      fc.property(header, fc.nat(), fc.nat(0xffff), (content, place, after) => {
        const at = 2 + 2 * (place % (Math.floor(content.length / 2) - 1));
        const before = viewOf(content).getUint16(at);
        const checksum = oracle(content);
        viewOf(content).setUint16(at, after);
        expect(checksumUpdate(checksum, before, after)).toBe(oracle(content));
      }),
      { numRuns: 1000 },
    );
  });
});
