import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Address } from '../../../src/wire/address.ts';
import { writeIcmpv6Checksum } from '../../../src/wire/icmpv6.ts';
import * as ndp from '../../../src/wire/ndp.ts';
import { findNdpOption, NdpOptionType } from '../../../src/wire/ndp-options.ts';
import type { NdpOption } from '../../../src/wire/ndp-options.ts';
import { hex, ndpMessage, viewOf } from '../../support/wire.ts';

const ROUTER = Address.parse('fe80::1');
const HOST = Address.parse('fe80::2');
const ALL_NODES = Address.parse('ff02::1');
const NOBODY = Address.parse('::');
const address = (text: string): Address => Address.parse(text);

/** Bytes of a message with its right checksum. */
function message(text: string, source: Address = ROUTER, destination: Address = ALL_NODES): Uint8Array {
  const bytes = hex(text);
  const view = viewOf(bytes);
  writeIcmpv6Checksum(view, 0, bytes.length, source, destination);
  return bytes;
}

/** An advertisement of radvd with every option it knows. */
const ADVERTISEMENT = `
  86 00 0000  40 c8 0708  00007530 000003e8
  01 01 021122334455
  05 01 0000 000005dc
  03 04 40 c0 00015180 00003840 00000000 20010db8000000010000000000000000
  18 02 30 08 00000e10 20010db8abcd0000
  19 05 0000 00000258 20010db8000000000000000000000053 fe800000000000000000000000000001
  1f 04 0000 00000258 076578616d706c6503636f6d00 036c616e00 000000000000`;

describe('neighbour discovery messages', () => {
  it('[S-049] RFC 4861 §4.2, 4191, 8106: a router advertisement has its fields where the RFCs put them', () => {
    expect(ndp.parseNdp(message(ADVERTISEMENT), ROUTER, ALL_NODES)).toEqual({
      name: 'routerAdvertisement',
      hopLimit: 64,
      managed: true,
      otherConfiguration: true,
      preference: 'high',
      routerLifetime: 1800,
      reachableTime: 30_000,
      retransTimer: 1000,
      options: [
        { name: 'sourceLinkAddress', bytes: hex('021122334455') },
        { name: 'mtu', mtu: 1500 },
        {
          name: 'prefixInformation',
          prefix: address('2001:db8:0:1::'),
          prefixLength: 64,
          onLink: true,
          autonomous: true,
          validLifetime: 86_400,
          preferredLifetime: 14_400,
        },
        {
          name: 'routeInformation',
          prefix: address('2001:db8:abcd::'),
          prefixLength: 48,
          preference: 'high',
          lifetime: 3600,
        },
        { name: 'rdnss', lifetime: 600, servers: [address('2001:db8::53'), address('fe80::1')] },
        { name: 'dnssl', lifetime: 600, domains: ['example.com', 'lan'] },
      ],
    });
  });

  it('[S-049] RFC 4861 §4.3, §4.4, §4.5: so have solicitations, advertisements and redirects', () => {
    const target = 'fe800000000000000000000000000009';
    const solicitation = message(`87000000 00000000 ${target} 0101 021122334455`, HOST, address('ff02::1:ff00:9'));
    expect(ndp.parseNdp(solicitation, HOST, address('ff02::1:ff00:9'))).toEqual({
      name: 'neighbourSolicitation',
      target: address('fe80::9'),
      options: [{ name: 'sourceLinkAddress', bytes: hex('021122334455') }],
    });
    const answer = message(`88000000 e0000000 ${target} 0201 021122334455`, ROUTER, HOST);
    expect(ndp.parseNdp(answer, ROUTER, HOST)).toEqual({
      name: 'neighbourAdvertisement',
      router: true,
      solicited: true,
      override: true,
      target: address('fe80::9'),
      options: [{ name: 'targetLinkAddress', bytes: hex('021122334455') }],
    });
    const far = '20010db8000000000000000000000077';
    const redirect = message(`89000000 00000000 ${target} ${far} 0402 000000000000 6000000000000000`, ROUTER, HOST);
    expect(ndp.parseNdp(redirect, ROUTER, HOST)).toEqual({
      name: 'redirect',
      target: address('fe80::9'),
      destination: address('2001:db8::77'),
      options: [{ name: 'redirectedHeader', packet: hex('6000000000000000') }],
    });
    expect(ndp.parseNdp(message('85000000 00000000', NOBODY), NOBODY, ALL_NODES)).toEqual({
      name: 'routerSolicitation',
      options: [],
    });
  });

  it('are the same after formatting and parsing', () => {
    fc.assert(
      fc.property(ndpMessage, (value) => {
        expect(ndp.parseNdp(ndp.formatNdp(value, ROUTER, HOST), ROUTER, HOST)).toEqual(value);
      }),
    );
  });

  it('are told from other ICMPv6, and refused where that is broken', () => {
    expect(ndp.parseNdp(message('80000000 00000000'), ROUTER, ALL_NODES)).toBeUndefined();
    expect(ndp.parseNdp(message('8a000000 00000000'), ROUTER, ALL_NODES)).toBeUndefined();
    expect(ndp.parseNdp(hex('86000000 00000000'), ROUTER, ALL_NODES)).toBe('icmpv6-bad-checksum');
    expect(ndp.parseNdp(hex('860000'), ROUTER, ALL_NODES)).toBe('icmpv6-truncated');
  });
});

describe('what makes a message invalid', () => {
  const GROUP = address('ff02::1:ff00:9');
  const target = 'fe800000000000000000000000000009';
  const group = 'ff020000000000000000000000000009';
  const far = '20010db8000000000000000000000077';
  const near = '20010db8000000000000000000000078';
  const rows: [why: string, flaw: string | undefined, text: string, source: Address, destination: Address][] = [
    ['code 1', 'ndp-bad-code', '85010000 00000000', HOST, ALL_NODES],
    ['an advertisement of 15 bytes', 'ndp-truncated', '86000000 00000000 00000000 000000', ROUTER, ALL_NODES],
    ['a solicitation of 23 bytes', 'ndp-truncated', `87000000 00000000 ${target.slice(2)}`, HOST, GROUP],
    ['a redirect of 39 bytes', 'ndp-truncated', `89000000 00000000 ${target} ${far.slice(2)}`, ROUTER, HOST],
    ['an option of length 0', 'ndp-bad-option-length', '85000000 00000000 0100 000000000000', HOST, ALL_NODES],
    ['an option cut off', 'ndp-bad-option-length', '85000000 00000000 0102 000000000000', HOST, ALL_NODES],
    ['half an option header', 'ndp-bad-option-length', '85000000 00000000 0101 000000000000 01', HOST, ALL_NODES],
    [
      'an anonymous solicitor with address',
      'ndp-unexpected-link-address',
      '85000000 00000000 0101 021122334455',
      NOBODY,
      ALL_NODES,
    ],
    [
      'the same of neighbours',
      'ndp-unexpected-link-address',
      `87000000 00000000 ${target} 0101 021122334455`,
      NOBODY,
      GROUP,
    ],
    ['an anonymous question to a host', 'ndp-bad-destination', `87000000 00000000 ${target}`, NOBODY, HOST],
    ['an anonymous question to its group', undefined, `87000000 00000000 ${target}`, NOBODY, GROUP],
    ['a group asked for', 'ndp-bad-target', `87000000 00000000 ${group}`, HOST, GROUP],
    ['a group advertised', 'ndp-bad-target', `88000000 00000000 ${group}`, HOST, ALL_NODES],
    ['a solicited advertisement to all', 'ndp-solicited-to-group', `88000000 40000000 ${target}`, HOST, ALL_NODES],
    ['an unsolicited one', undefined, `88000000 20000000 ${target}`, HOST, ALL_NODES],
    [
      'a router with a global address',
      'ndp-bad-source',
      '86000000 00000000 00000000 00000000',
      address('2001:db8::1'),
      ALL_NODES,
    ],
    [
      'a redirect from a global address',
      'ndp-bad-source',
      `89000000 00000000 ${target} ${far}`,
      address('2001:db8::1'),
      HOST,
    ],
    ['a redirect of a group', 'ndp-bad-destination', `89000000 00000000 ${target} ${group}`, ROUTER, HOST],
    ['a redirect to another host', 'ndp-bad-target', `89000000 00000000 ${near} ${far}`, ROUTER, HOST],
    ['a redirect to the host itself', undefined, `89000000 00000000 ${far} ${far}`, ROUTER, HOST],
  ];
  it.each(rows)('[S-049] RFC 4861 §6.1, §7.1, §8.1: %s', (_why, flaw, text, source, destination) => {
    const outcome = ndp.parseNdp(message(text, source, destination), source, destination);
    expect(typeof outcome === 'string' ? outcome : undefined).toBe(flaw);
  });

  it('[S-049] RFC 4861 §6.1: a hop limit below 255: it came through a router', () => {
    for (const hopLimit of [0, 1, 254]) {
      expect(ndp.parseNdp(message(ADVERTISEMENT), ROUTER, ALL_NODES, hopLimit)).toBe('ndp-bad-hop-limit');
    }
  });
});

describe('options', () => {
  const options = (text: string): NdpOption[] => {
    const parsed = ndp.parseNdp(message(`85000000 00000000 ${text}`, HOST), HOST, ALL_NODES);
    return typeof parsed === 'object' ? parsed.options : [];
  };

  it.each([
    ['unknown type', 'fd01 010203040506'],
    ['prefix information of 24 bytes', '0303 40c0 00000001 00000001 00000000 20010db800000000'],
    ['prefix of 129 bits', '0304 81c0 00000001 00000001 00000000 20010db8000000000000000000000000'],
    ['MTU of 16 bytes', '0502 0000 000005dc 0000000000000000'],
    ['route of 65 bits in 16 bytes', '1802 4100 00000001 20010db800000000'],
    ['route of 1 bit in 8 bytes', '1801 0100 00000001'],
    ['route of 129 bits', '1803 8100 00000001 20010db8000000000000000000000000'],
    ['route in 32 bytes', '1804 4000 00000001 20010db8000000000000000000000000 0000000000000000'],
    ['route of reserved preference', '1802 4010 00000001 20010db800000000'],
    ['RDNSS without a server', '1901 0000 00000001'],
    ['RDNSS of half a server', '1902 0000 00000001 20010db800000000'],
    ['DNSSL without a name', '1f02 0000 00000001 0000000000000000'],
    ['DNSSL too short', '1f01 0000 00000001'],
    ['DNSSL with a name that does not end', '1f02 0000 00000001 0161 0161 0161 0161'],
    ['DNSSL with a label of 64', `1f0a 0000 00000001 40 ${'61'.repeat(64)} 00000000000000`],
    ['DNSSL with a space', '1f02 0000 00000001 0361206200 000000'],
    ['DNSSL compressed', '1f02 0000 00000001 0161c00000000000'],
    ['DNSSL with something behind its zeros', '1f02 0000 00000001 0161000000000001'],
    ['DNSSL with a name of 256', `1f22 0000 00000001 ${'0161'.repeat(128)} 0000000000000000`],
  ])('[S-049] RFC 4861 §4.6: one that is not as its type wants it stands alone: %s', (_why, text) => {
    expect(options(`${text} 0101 021122334455`)).toMatchObject([
      { name: 'other', type: Number.parseInt(text.slice(0, 2), 16) },
      { name: 'sourceLinkAddress' },
    ]);
  });

  it('RFC 4861 §4.6.2: bits behind a prefix say nothing', () => {
    const prefix = { name: 'prefixInformation', prefix: address('2001:db8::'), prefixLength: 45 };
    expect(options('0304 2d00 00000001 00000001 00000000 20010db80007ffff0000000000000001')).toMatchObject([prefix]);
  });

  it('RFC 4191 §2.3: a route has as much of its prefix as there is room for', () => {
    const route = { name: 'routeInformation', preference: 'low', lifetime: 1 };
    expect(options('1801 0018 00000001')).toEqual([{ ...route, prefix: NOBODY, prefixLength: 0 }]);
    expect(options('1803 8018 00000001 20010db8000000000000000000000001')).toEqual([
      { ...route, prefix: address('2001:db8::1'), prefixLength: 128 },
    ]);
  });

  it('are found by type, and by length where that matters', () => {
    const bytes = hex('0e02 0102030405060000000000000000 0101 021122334455 0102 02112233445500000000000000 00');
    const view = viewOf(bytes);
    expect(findNdpOption(view, 0, bytes.length, NdpOptionType.SOURCE_LINK_ADDRESS)).toBe(16);
    expect(findNdpOption(view, 0, bytes.length, NdpOptionType.SOURCE_LINK_ADDRESS, 16)).toBe(24);
    expect(findNdpOption(view, 0, bytes.length, NdpOptionType.NONCE, 8)).toBe(-1);
    expect(findNdpOption(view, 0, bytes.length, NdpOptionType.TARGET_LINK_ADDRESS)).toBe(-1);
  });
});
