import { describe, expect, it } from 'vitest';
import { Checksum } from '../../src/buffer/batch.ts';
import { formatIpv4 } from '../../src/wire/ipv4.ts';
import { ipv4, IpBench, pattern } from '../unit/ip/fixture.ts';

const sound = formatIpv4(ipv4({ protocol: 6, payload: pattern(40) }));

/** The same packet with some bytes changed, the header checksum made right again or not. */
function changed(changes: Record<number, number>, repair: boolean = true): Uint8Array {
  const bytes = sound.slice();
  for (const [at, value] of Object.entries(changes)) bytes[Number(at)] = value;
  if (!repair) return bytes;
  const view = new DataView(bytes.buffer);
  view.setUint16(10, 0);
  let sum = 0;
  for (let at = 0; at < Math.max(20, (bytes[0]! & 15) * 4) && at < bytes.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~sum);
  return bytes;
}

/** What became of one packet: its bytes delivered, or the reason counted. */
function fate(bytes: Uint8Array): string {
  const bench = new IpBench();
  bench.arrive(bytes);
  expect(bench.sent()).toEqual([]);
  return bench.delivered.length > 0 ? 'delivered' : Object.keys(bench.counters.snapshot()).join();
}

describe('RFC 791: header', () => {
  it.each([
    ['a sound packet', sound, 'delivered'],
    ['nothing', new Uint8Array(0), 'ipv4-truncated'],
    ['19 bytes', sound.subarray(0, 19), 'ipv4-truncated'],
    ['version 5', changed({ 0: 0x55 }), 'ipv4-bad-version'],
    ['a header of 16 bytes', changed({ 0: 0x44 }), 'ipv4-bad-header-length'],
    ['a header longer than the packet', changed({ 0: 0x4f }).subarray(0, 40), 'ipv4-bad-header-length'],
    ['a total length below the header', changed({ 2: 0, 3: 19 }), 'ipv4-bad-total-length'],
    ['a total length beyond what came', changed({ 3: 61 }), 'ipv4-bad-total-length'],
    ['a wrong checksum', changed({ 11: sound[11]! ^ 1 }, false), 'ipv4-bad-checksum'],
    ['a damaged address', changed({ 15: 9 }, false), 'ipv4-bad-checksum'],
  ])('[S-001] [S-005] %s: silence, counted by its reason', (_, bytes, expected) => {
    expect(fate(bytes)).toBe(expected);
  });

  it('[S-005] believes a link that vouches for the packet', () => {
    const bench = new IpBench();
    bench.arrive(changed({ 11: sound[11]! ^ 1 }, false), bench.eth0, Checksum.valid);
    expect(bench.delivered).toHaveLength(1);
  });
});

describe('RFC 791: options', () => {
  const withOptions = (...options: number[]): string =>
    fate(formatIpv4(ipv4({ protocol: 6, options: new Uint8Array(options), payload: pattern(8) })));

  it('[S-002] passes over unknown options by their length and hands the transport header up', () => {
    const bench = new IpBench();
    const options = new Uint8Array([1, 222, 4, 9, 9, 148, 4, 0, 0, 0, 131, 200]);
    bench.arrive(formatIpv4(ipv4({ protocol: 6, options, payload: pattern(8) })));
    // The last two bytes lie behind the end of options: they mean nothing.
    expect(bench.delivered[0]).toMatchObject({ options, payload: pattern(8) });
  });

  it('[S-002] drops options whose length cannot be', () => {
    expect(withOptions(222, 0, 0, 0)).toBe('ipv4-bad-option-length');
    expect(withOptions(222, 1, 0, 0)).toBe('ipv4-bad-option-length');
    expect(withOptions(222, 5, 0, 0)).toBe('ipv4-bad-option-length');
    expect(withOptions(1, 1, 1, 222)).toBe('ipv4-bad-option-length');
    expect(withOptions(222, 4, 0, 0)).toBe('delivered');
  });

  it('[S-011] [S-027] [S-108] [MUST-51] [MUST-52] [MUST-53] [SHLD-24] drops source-routed datagrams (RFC 7126 §4.3, §4.4)', () => {
    expect(withOptions(131, 7, 4, 192, 0, 2, 1, 0)).toBe('ipv4-source-route');
    expect(withOptions(1, 137, 7, 4, 192, 0, 2, 1)).toBe('ipv4-source-route');
  });
});

describe('RFC 791: fragments', () => {
  it('[S-003] only a datagram with more fragments, or an offset, is one', () => {
    const fragment = (changes: object): string =>
      fate(formatIpv4(ipv4({ protocol: 6, payload: pattern(16), ...changes })));
    expect(fragment({ moreFragments: true })).toBe('');
    expect(fragment({ fragmentOffset: 8 })).toBe('');
    expect(fragment({ dontFragment: true })).toBe('delivered');
    expect(fragment({ identification: 0 })).toBe('delivered');
  });
});
