import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import {
  checkUdp,
  checkUdpChecksum,
  formatUdp,
  parseUdp,
  setUdpChecksum,
  writeUdpHeader,
} from '../../../src/wire/udp.ts';
import { hex, ipv4Address, udpDatagram, viewOf } from '../../support/wire.ts';

const source = Address.parse('10.0.0.1');
const destination = Address.parse('10.0.0.2');
const datagram = { sourcePort: 40000, destinationPort: 7, payload: hex('616263') };

describe('UDP', () => {
  it('has its fields where RFC 768 puts them', () => {
    const bytes = formatUdp({ ...datagram, checksum: 0x1234 }, source, destination);
    expect(bytes).toEqual(hex('9c40 0007 000b 1234 616263'));
    expect(parseUdp(bytes)).toEqual({ ...datagram, checksum: 0x1234 });
  });

  it('is the same after formatting and parsing, with a checksum that holds', () => {
    fc.assert(
      fc.property(udpDatagram, ipv4Address, ipv4Address, (value, from, to) => {
        const bytes = formatUdp(value, from, to);
        expect(parseUdp(bytes)).toEqual({ ...value, checksum: viewOf(bytes).getUint16(6) });
        expect(checkUdpChecksum(viewOf(bytes), 0, from, to)).toBeUndefined();
        viewOf(bytes).setUint16(0, value.sourcePort ^ 1);
        expect(checkUdpChecksum(viewOf(bytes), 0, from, to)).toBe('udp-bad-checksum');
      }),
    );
  });

  it('[S-034] a computed checksum of zero is sent as 0xffff and accepted', () => {
    const view = viewOf(new Uint8Array(10));
    writeUdpHeader(view, 0, 1, 2, 10);
    // Words 1 + 2 + 10 and the pseudo header's 10 + 17 + addresses: this payload makes the sum 0xffff.
    const rest = 0xffff - (1 + 2 + 10 + 10 + 17 + (0x0a00 + 1 + 0x0a00 + 2));
    view.setUint16(8, rest);
    const bytes = formatUdp(
      { sourcePort: 1, destinationPort: 2, payload: hex(rest.toString(16)) },
      source,
      destination,
    );
    expect(viewOf(bytes).getUint16(6)).toBe(0xffff);
    expect(checkUdpChecksum(viewOf(bytes), 0, source, destination)).toBeUndefined();
    setUdpChecksum(view, 0, 0);
    expect(view.getUint16(6)).toBe(0xffff);
  });

  it('[S-034] zero over IPv4 means no checksum, over IPv6 it is wrong', () => {
    const bytes = formatUdp({ ...datagram, checksum: 0 }, source, destination);
    expect(checkUdpChecksum(viewOf(bytes), 0, source, destination)).toBeUndefined();
    const [one, two] = [Address.parse('fd00::1'), Address.parse('fd00::2')];
    expect(checkUdpChecksum(viewOf(bytes), 0, one, two)).toBe('udp-bad-checksum');
  });

  it.each([
    ['udp-truncated', ''],
    ['udp-truncated', '9c40 0007 0008 00'],
    ['udp-bad-length', '9c40 0007 0007 0000'],
    ['udp-bad-length', '9c40 0007 0000 0000'],
    ['udp-bad-length', '9c40 0007 0009 0000'],
  ])('is refused: %s (%s)', (flaw, text) => {
    const bytes = hex(text);
    expect(checkUdp(viewOf(bytes), 0, bytes.length)).toBe(flaw);
    expect(parseUdp(bytes)).toBe(flaw);
  });

  it('[S-037] may be empty, and ignores what follows its own length', () => {
    expect(parseUdp(hex('0001 0002 0008 0000'))).toEqual({
      sourcePort: 1,
      destinationPort: 2,
      payload: new Uint8Array(0),
      checksum: 0,
    });
    expect(parseUdp(hex('0001 0002 0009 0000 aa bbcc'))).toMatchObject({ payload: hex('aa') });
  });

  it('refuses to write what does not fit', () => {
    expect(() => formatUdp({ ...datagram, payload: new Uint8Array(65528) }, source, destination)).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
    );
  });
});
