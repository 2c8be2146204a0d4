import { describe, expect, it } from 'vitest';
import { Stack } from '../../src/index.ts';
import { VirtualClock, seededRandom } from '../../src/sim/index.ts';
import { formatPacket, parsePacket6 } from '../../src/wire/packet.ts';
import type { Packet6Value } from '../../src/wire/packet.ts';
import { cutAt, IPV6_FRAGMENTS } from '../support/fragments.ts';
import { RawLink } from '../support/raw-link.ts';
import { hex } from '../support/wire.ts';
import { pattern } from '../unit/ip/fixture.ts';
import { Ip6Bench, ipv6, LOCAL6, PEER6, udp6Packet } from '../unit/ip/fixture6.ts';

/** RFC 8200: Internet Protocol, Version 6. */

/** Extension headers, each padded: 8 bytes that name the next. */
const HOP_BY_HOP = '00';
const DESTINATION = '3c';
const ROUTING = '2b';
const FRAGMENT = '2c';
const UDP = '11';

/** A packet whose extension headers follow each other so, with contents by type. */
function chain(types: readonly string[], contents: Readonly<Record<string, string>> = {}): Uint8Array {
  const standard: Readonly<Record<string, string>> = {
    [HOP_BY_HOP]: '00 0104 00000000',
    [DESTINATION]: '00 0104 00000000',
    [ROUTING]: '00 0400 00000000',
    [FRAGMENT]: '00 0000 00000001',
  };
  const extensions = types.map((type, i) => `${types[i + 1] ?? UDP} ${contents[type] ?? standard[type]!}`).join('');
  const nextHeader = Number.parseInt(types[0] ?? UDP, 16);
  return udp6Packet({ payload: pattern(10) }, { nextHeader, extensions: hex(extensions) });
}

/** What becomes of a packet: delivered, dropped in silence, or answered with a parameter problem. */
function fate(bytes: Uint8Array): string {
  const bench = new Ip6Bench();
  bench.arrive(bytes);
  const [told] = bench.problems();
  if (told !== undefined) return `code ${told[0]} pointer ${told[1]}`;
  return bench.delivered.length > 0 ? 'delivered' : Object.keys(bench.counters.snapshot()).join();
}

describe('RFC 8200 §4, §4.1: extension headers', () => {
  it.each([
    [[]],
    [[HOP_BY_HOP]],
    [[HOP_BY_HOP, DESTINATION, ROUTING, FRAGMENT, DESTINATION]],
    // "IPv6 nodes must accept and attempt to process extension headers in any order and occurring any number of times".
    [[DESTINATION, DESTINATION, ROUTING]],
    [[FRAGMENT, ROUTING, DESTINATION]],
  ])('[S-045] are processed in the order in which they stand: %j', (types) => {
    expect(fate(chain(types))).toBe('delivered');
  });

  it('[S-045] what stands first decides: an option behind a header that drops the packet is not reached', () => {
    const unknown = { [DESTINATION]: '00 8500 0000 0000' };
    expect(fate(chain([DESTINATION, ROUTING], { ...unknown, [ROUTING]: '00 0401 00000000' }))).toBe(
      'code 2 pointer 42',
    );
    expect(fate(chain([ROUTING, DESTINATION], { ...unknown, [ROUTING]: '00 0401 00000000' }))).toBe(
      'code 0 pointer 42',
    );
  });

  it('[S-045] §4.3: hop-by-hop options stand right behind the IPv6 header, or the value 0 is not recognized', () => {
    expect(fate(chain([DESTINATION, HOP_BY_HOP]))).toBe('code 1 pointer 40');
    expect(fate(chain([HOP_BY_HOP, HOP_BY_HOP]))).toBe('code 1 pointer 40');
  });

  it('[S-045] an unrecognized Next Header value is answered with code 1 and the offset of that value', () => {
    const bench = new Ip6Bench();
    bench.arrive(formatPacket({ ip: ipv6({ protocol: 254, payload: pattern(8) }) }));
    const extensions = hex('3c 00 0104 00000000 fe 00 0104 00000000');
    bench.arrive(formatPacket({ ip: ipv6({ nextHeader: 0, extensions, protocol: 254, payload: pattern(8) }) }));
    expect(bench.problems()).toEqual([
      [1, 6],
      [1, 48],
    ]);
  });

  it('[S-045] §4.7: no next header ends a packet in silence', () => {
    expect(fate(udp6Packet({}, { nextHeader: 59 }))).toBe('ipv6-no-next-header');
  });
});

describe('RFC 8200 §4.2: options', () => {
  const option = (type: string): Uint8Array => chain([DESTINATION], { [DESTINATION]: `00 ${type}02 0000 0100` });

  it.each([
    ['00', '1e', 'delivered'],
    ['01', '5e', 'ipv6-unknown-option'],
    ['10', '9e', 'code 2 pointer 42'],
    ['11', 'de', 'code 2 pointer 42'],
  ])('[S-045] an unrecognized option whose highest bits are %s', (_bits, type, expected) => {
    expect(fate(option(type))).toBe(expected);
  });

  it('[S-045] [S-047] to a group only those of 10 are reported', () => {
    const toGroup = (type: string): Uint8Array => {
      const value = parsePacket6Ok(option('1e'));
      const extensions = hex(`1100 ${type}02 0000 0100`);
      return formatPacket({
        ...value,
        ip: { ...value.ip, extensions, destination: ipv6({ destination: 'ff02::1' }).destination },
      });
    };
    expect([fate(toGroup('9e')), fate(toGroup('de'))]).toEqual([
      'code 2 pointer 42',
      'icmpv6-error-suppressed,ipv6-unknown-option',
    ]);
  });
});

describe('RFC 8200 §4.4, RFC 5095: routing headers', () => {
  it.each([0, 2, 3, 4, 253])(
    '[S-050] [S-045] type %i: ignored without segments left, else code 0 to its type',
    (type) => {
      const content = (left: number): Readonly<Record<string, string>> => ({
        [ROUTING]: `00 ${type.toString(16).padStart(2, '0')}0${left} 00000000`,
      });
      expect(fate(chain([ROUTING], content(0)))).toBe('delivered');
      expect(fate(chain([ROUTING], content(1)))).toBe('code 0 pointer 42');
    },
  );
});

describe('RFC 8200 §4.5: fragments', () => {
  const { fragment } = IPV6_FRAGMENTS;
  const payload = pattern(2000);

  it('[S-007] [S-046] a packet of 1500 bytes, and more, is put together from what links of 1280 carry', () => {
    const bench = new Ip6Bench();
    for (const length of [1460, 2000]) {
      for (const bytes of cutAt(IPV6_FRAGMENTS, payload.subarray(0, length), [1232])) bench.arrive(bytes);
    }
    expect(bench.delivered.map((datagram) => datagram.payload.length)).toEqual([1460, 2000]);
  });

  it('"the source, destination and identification": extension headers in front may differ, the first one’s stay', () => {
    const bench = new Ip6Bench();
    const padded = { nextHeader: 60, extra: hex('2c00 0104 00000000') };
    bench.arrive(fragment(payload, 1000, 2000, false, padded));
    bench.arrive(fragment(payload, 0, 1000, true));
    bench.arrive(fragment(payload, 1000, 2000, false));
    bench.arrive(fragment(payload, 0, 1000, true, padded));
    expect(bench.delivered.map((datagram) => datagram.payload)).toEqual([payload, payload]);
    expect(bench.delivered.map(({ options }) => options.length)).toEqual([20, 28]);
  });

  it('a length that is no multiple of 8 is answered with code 0 and a pointer to the payload length', () => {
    const bench = new Ip6Bench();
    bench.arrive(fragment(payload, 0, 1001, true));
    bench.arrive(fragment(payload, 0, 1001, true, { nextHeader: 60, extra: hex('2c00 0104 00000000') }));
    expect(bench.problems()).toEqual([
      [0, 4],
      [0, 4],
    ]);
  });

  it('an end beyond 65,535 bytes is answered with code 0 and a pointer to the fragment offset', () => {
    const bench = new Ip6Bench();
    const long = pattern(65_544);
    bench.arrive(fragment(long, 65_528, 65_536, false));
    bench.arrive(fragment(long, 65_520, 65_528, false, { nextHeader: 60, extra: hex('2c00 0104 00000000') }));
    expect(bench.problems()).toEqual([
      [0, 42],
      [0, 50],
    ]);
    expect(bench.budget.used).toBe(0);
  });

  it.each<[string, number, string, boolean]>([
    ['options that go on', 60, '1101 0104 00000000', true],
    ['options, and nothing of a UDP header', 60, '1100 0104 00000000', true],
    ['options, and nothing of an ICMPv6 header', 60, '3a00 0104 00000000', false],
    ['a row of headers without an end', 60, '2b00 0104 00000000', false],
    ['most of a TCP header', 6, '00000000 00000000 00000000 50000000', true],
    ['a TCP header without its options', 6, '00000000 00000000 00000000 80000000 00000000 00000000', true],
  ])('RFC 7112 §5: a first fragment with %s is dropped, with code 3 where it can be no error', (...row) => {
    const [, protocol, start, told] = row;
    const bench = new Ip6Bench();
    const bytes = hex(start);
    bench.arrive(fragment(bytes, 0, bytes.length, true, { protocol }));
    expect(bench.counters.get('ipv6-reassembly-incomplete-headers')).toBe(1);
    expect(bench.budget.used).toBe(0);
    expect(bench.problems()).toEqual(told ? [[3, 0]] : []);
  });

  it('RFC 7112: nothing above IPv6 has no header, and what is not known has one of any length', () => {
    const bench = new Ip6Bench();
    bench.arrive(fragment(payload, 0, 8, true, { protocol: 59 }));
    bench.arrive(fragment(payload, 0, 8, true, { protocol: 200, identification: 8 }));
    expect(bench.counters.snapshot()).toEqual({});
  });
});

describe('RFC 8200 §8.1: checksums', () => {
  function world(): { stack: Stack; link: RawLink; clock: VirtualClock; heard: number[] } {
    const clock = new VirtualClock();
    const stack = new Stack({ clock, random: seededRandom(1) });
    const link = new RawLink();
    stack.attach(link, { addresses: [`${LOCAL6}/64`] });
    const heard: number[] = [];
    const socket = stack.udp.bind(
      { address: '::', port: 7 },
      {
        onMessage: (bytes, { remotePort, remoteAddress }) => {
          heard.push(bytes.length);
          socket.send(bytes, remotePort, remoteAddress);
        },
      },
    );
    return { stack, link, clock, heard };
  }

  it('a UDP datagram without a checksum is discarded, and counted', () => {
    const { stack, link, clock, heard } = world();
    link.inject(udp6Packet({ payload: pattern(3), checksum: 0 }), udp6Packet({ payload: pattern(4) }));
    clock.advance(0);
    expect(heard).toEqual([4]);
    expect(stack.statistics().drops).toEqual({ 'udp-bad-checksum': 1 });
  });

  it('[MUST-2] every datagram and segment that is sent has one, over the addresses of IPv6', () => {
    const { link, clock } = world();
    link.inject(udp6Packet({ payload: pattern(4) }));
    const syn = { sourcePort: 9, destinationPort: 80, sequence: 1, acknowledgment: 0, flags: 2, reserved: 0 };
    const rest = { window: 100, urgentPointer: 0, options: new Uint8Array(0), payload: new Uint8Array(0) };
    link.inject(formatPacket({ ip: ipv6({ protocol: 6 }), tcp: { ...syn, ...rest } }));
    clock.advance(0);
    const sent = link.take().map(parsePacket6Ok);
    expect(sent.map(({ udp, tcp }) => udp?.payload.length ?? tcp?.flags)).toEqual([4, 0x14]);
    for (const { ip, udp, tcp } of sent) {
      // A right one is left out when a packet is read.
      expect([udp?.checksum, tcp?.checksum]).toEqual([undefined, undefined]);
      expect([ip.source, ip.destination].map(String)).toEqual([LOCAL6, PEER6]);
    }
  });
});

function parsePacket6Ok(bytes: Uint8Array): Packet6Value {
  const packet = parsePacket6(bytes);
  if (typeof packet === 'string') throw new Error(packet);
  return packet;
}
