import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import { transportChecksum } from '../../../src/wire/checksum.ts';
import * as tcp from '../../../src/wire/tcp.ts';
import type { TcpSegment } from '../../../src/wire/tcp.ts';
import { hex, ipv4Address, tcpSegment, viewOf } from '../../support/wire.ts';

const { ACK, PSH, SYN, URG, AE } = tcp.TcpFlag;
const source = Address.parse('10.0.0.1');
const destination = Address.parse('10.0.0.2');

const segment: TcpSegment = {
  sourcePort: 40000,
  destinationPort: 80,
  sequence: 0xfffffffe,
  acknowledgment: 0x80000001,
  flags: PSH | ACK | URG | AE,
  reserved: 0,
  window: 0xfff0,
  urgentPointer: 3,
  options: hex('01010100'),
  payload: hex('616263'),
};

describe('TCP header', () => {
  it('has its fields where RFC 9293 §3.1 puts them', () => {
    const bytes = tcp.formatTcp({ ...segment, checksum: 0x1234 }, source, destination);
    expect(bytes).toEqual(hex('9c40 0050 fffffffe 80000001 6138 fff0 1234 0003 01010100 616263'));
    expect(tcp.parseTcp(bytes)).toEqual({ ...segment, checksum: 0x1234 });
  });

  it('[MUST-1] is read in place, numbers unsigned', () => {
    const bytes = tcp.formatTcp(segment, source, destination);
    const memory = new Uint8Array(40);
    memory.set(bytes, 7);
    const view = viewOf(memory);
    expect(tcp.checkTcp(view, 7, bytes.length)).toBeUndefined();
    expect(tcp.tcpSourcePort(view, 7)).toBe(40000);
    expect(tcp.tcpDestinationPort(view, 7)).toBe(80);
    expect(tcp.tcpSequence(view, 7)).toBe(0xfffffffe);
    expect(tcp.tcpAcknowledgment(view, 7)).toBe(0x80000001);
    expect(tcp.tcpHeaderLength(view, 7)).toBe(24);
    expect(tcp.tcpFlags(view, 7)).toBe(PSH | ACK | URG | AE);
    expect(tcp.tcpWindow(view, 7)).toBe(0xfff0);
    expect(tcp.tcpUrgentPointer(view, 7)).toBe(3);
  });

  it('is written in place with a zero checksum', () => {
    const bytes = new Uint8Array(30).fill(0xee);
    tcp.writeTcpHeader(viewOf(bytes), 5, 40000, 80, 0xfffffffe, 0x80000001, segment.flags, 0xfff0, 3, 24);
    const whole = tcp.formatTcp({ ...segment, checksum: 0 }, source, destination);
    expect(bytes.subarray(5, 25)).toEqual(whole.subarray(0, 20));
    expect([bytes[4], bytes[25]]).toEqual([0xee, 0xee]);
    tcp.setTcpChecksum(viewOf(bytes), 5, 0xabcd);
    expect(tcp.tcpChecksum(viewOf(bytes), 5)).toBe(0xabcd);
  });

  it('takes sequence numbers signed or unsigned', () => {
    const view = viewOf(new Uint8Array(20));
    tcp.writeTcpHeader(view, 0, 1, 2, -2, -1, SYN, 0, 0, 20);
    expect([tcp.tcpSequence(view, 0), tcp.tcpAcknowledgment(view, 0)]).toEqual([0xfffffffe, 0xffffffff]);
  });

  it('[MUST-2] has a checksum over pseudo header, header and payload', () => {
    const bytes = tcp.formatTcp(segment, source, destination);
    expect(transportChecksum(viewOf(bytes), 0, bytes.length, source, destination, 6)).toBe(0);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3]! ^= 0x80 >> (bit & 7);
      expect(transportChecksum(viewOf(damaged), 0, bytes.length, source, destination, 6), `bit ${bit}`).not.toBe(0);
    }
    const other = Address.parse('10.0.0.3');
    expect(transportChecksum(viewOf(bytes), 0, bytes.length, source, other, 6)).not.toBe(0);
  });

  it.each([
    ['tcp-truncated', ''],
    ['tcp-truncated', '9c40 0050 00000001 00000000 5002 ffff 0000 00'],
    ['tcp-bad-header-length', '9c40 0050 00000001 00000000 4002 ffff 0000 0000'],
    ['tcp-bad-header-length', '9c40 0050 00000001 00000000 0002 ffff 0000 0000'],
    ['tcp-bad-header-length', '9c40 0050 00000001 00000000 6002 ffff 0000 0000 010101'],
  ])('is refused: %s (%s)', (flaw, text) => {
    const bytes = hex(text);
    expect(tcp.checkTcp(viewOf(bytes), 0, bytes.length)).toBe(flaw);
    expect(tcp.parseTcp(bytes)).toBe(flaw);
  });

  it('is the same after formatting and parsing, and after parsing and formatting', () => {
    fc.assert(
      fc.property(tcpSegment, ipv4Address, ipv4Address, (value, from, to) => {
        const bytes = tcp.formatTcp(value, from, to);
        const parsed = tcp.parseTcp(bytes);
        expect(parsed).toEqual({ ...value, checksum: viewOf(bytes).getUint16(16) });
        expect(transportChecksum(viewOf(bytes), 0, bytes.length, from, to, 6)).toBe(0);
        if (typeof parsed !== 'string') expect(tcp.formatTcp(parsed, from, to)).toEqual(bytes);
      }),
    );
  });

  it.each([3, 44])('refuses to write %i bytes of options', (length) => {
    expect(() => tcp.formatTcp({ ...segment, options: new Uint8Array(length) }, source, destination)).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
    );
  });
});
