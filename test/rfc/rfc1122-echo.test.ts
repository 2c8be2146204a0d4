import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Address } from '../../src/wire/address.ts';
import { formatIcmp, parseIcmp } from '../../src/wire/icmp.ts';
import type { IcmpMessage } from '../../src/wire/icmp.ts';
import type { Ipv4Packet } from '../../src/wire/ipv4.ts';
import { formatIpv4, parseIpv4 } from '../../src/wire/ipv4.ts';
import { Alone, open, openPing } from '../unit/raw/world.ts';

let alone: Alone;
beforeEach(() => {
  alone = new Alone();
});
afterEach(() => alone.end());

/** The request that has left, and a message that comes back. */
function request(): { message: IcmpMessage; packet: Ipv4Packet; bytes: Uint8Array } {
  const [bytes] = alone.sent();
  const packet = parseIpv4(bytes!) as Ipv4Packet;
  return { bytes: bytes!, packet, message: parseIcmp(packet.payload) as IcmpMessage };
}
function arrive(message: IcmpMessage, from: string = '10.0.0.1', options: Uint8Array = new Uint8Array(0)): void {
  const { packet } = last;
  const ends = { source: Address.parse(from), destination: packet.source };
  alone.arrive(formatIpv4({ ...packet, ...ends, options, payload: formatIcmp(message) }));
}
let last: ReturnType<typeof request>;

describe('RFC 1122 §3.2.2.6: echo, as the one who asks', () => {
  it('[S-018] there is an interface to send echo requests, and their replies are passed to it, options or not', () => {
    const { socket, replies, data } = openPing(alone.stack, { remoteAddress: '10.0.0.1' });
    socket.send(Uint8Array.of(1, 2, 3));
    last = request();
    expect(last.message).toMatchObject({ type: 8, code: 0, payload: Uint8Array.of(1, 2, 3) });
    expect(last.packet).toMatchObject({ protocol: 1, ttl: 64, trafficClass: 0 });
    // A recorded route of one address.
    arrive({ ...last.message, type: 0 }, '10.0.0.1', Uint8Array.of(7, 7, 8, 10, 0, 0, 1, 0));
    expect([replies.length, data]).toEqual([1, [Uint8Array.of(1, 2, 3)]]);
    expect(alone.stack.statistics().drops).toEqual({});
  });

  it('a raw socket of ICMP hears the replies as well, and those to requests that it has sent itself', () => {
    const raw = open(alone.stack, { protocol: 1, icmpTypes: [0] });
    raw.socket.send(formatIcmp({ type: 8, code: 0, rest: 0x1234_0001, payload: Uint8Array.of(9) }), '10.0.0.1');
    last = request();
    arrive({ ...last.message, type: 0 });
    expect(raw.packets.map(({ payload }) => parseIcmp(payload))).toMatchObject([{ type: 0, rest: 0x1234_0001 }]);
  });
});

describe('RFC 1122 §3.2.2: ICMP errors about echo requests', () => {
  it.each([
    [3, 0, 'ENETUNREACH'],
    [3, 1, 'EHOSTUNREACH'],
    [3, 2, 'EPROTONOSUPPORT'],
    [3, 13, 'EHOSTUNREACH'],
    [11, 0, 'EHOSTUNREACH'],
    [11, 1, 'EHOSTUNREACH'],
    [12, 0, 'EINVAL'],
  ])('[S-016] type %i, code %i is passed on as %s, with who reports it', (type, code, expected) => {
    const { socket, errors } = openPing(alone.stack, { remoteAddress: '10.0.0.1' });
    socket.send(Uint8Array.of(1));
    last = request();
    arrive({ type, code, rest: 0, payload: last.bytes }, '10.0.0.77');
    expect(errors.map((error) => [error.code, String(error.reporter), error.icmpType, error.icmpCode])).toEqual([
      [expected, '10.0.0.77', type, code],
    ]);
    expect(errors[0]!.timeExceeded).toBe(type === 11);
    // The request still waits: whoever it was may have been wrong.
    arrive({ ...last.message, type: 0 });
    expect(socket.counters).toMatchObject({ received: 1, errors: 1 });
  });
});
