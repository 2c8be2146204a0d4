import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Checksum } from '../../src/buffer/batch.ts';
import { checksumIsRight, partialPacket } from '../../src/link/suite-packets.ts';
import { seededRandom } from '../../src/time/seeded-random.ts';
import { canUseTun } from '../support/namespace.ts';

// native/vnet.c, compiled with the sanitizers of addresses and of undefined behaviour, without a device.

const unavailable = canUseTun('cc');

const NEEDS_CSUM = 1;
const DATA_VALID = 2;
const GSO_TCPV4 = 1;
const GSO_UDP = 3;
const GSO_TCPV6 = 4;
const GSO_UDP_L4 = 5;
const GSO_ECN = 0x80;

const CWR = 0x80;
const ETHERNET = '020000000007020000000001';
const [IPV4, IPV6, VLAN, SERVICE_VLAN] = ['0800', '86dd', '81000005', '88a80007'];
const native = (name: string): string => fileURLToPath(new URL(`../../native/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'usernet-vnet-'));
const program = join(folder, 'vnet');

beforeAll(() => {
  if (unavailable !== undefined) return;
  const source = fileURLToPath(new URL('fixtures/vnet.c', import.meta.url));
  const sanitize = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  const { status, stderr } = spawnSync(
    'cc',
    ['-std=gnu11', '-g', '-O1', '-Wall', ...sanitize, '-o', program, source, native('vnet.c')],
    { encoding: 'utf8' },
  );
  expect([status, stderr]).toEqual([0, '']);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** What the program answers to each of the lines. */
function run(lines: readonly string[]): string[][] {
  const { status, stdout, stderr } = spawnSync(program, {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  expect([status, stderr]).toEqual([0, '']);
  const answers = stdout.trimEnd().split('\n');
  expect(answers).toHaveLength(lines.length);
  return answers.map((answer) => answer.split(' '));
}

interface Header {
  flags?: number;
  gsoType?: number;
  headers?: number;
  gsoSize?: number;
  start?: number;
  offset?: number;
}

/** A virtio_net_hdr in hex, in the order of this machine's bytes. */
function headerHex({ flags = 0, gsoType = 0, headers = 0, gsoSize = 0, start = 0, offset = 0 }: Header): string {
  const bytes = new Uint8Array(10);
  bytes.set([flags, gsoType]);
  bytes.set(new Uint8Array(Uint16Array.of(headers, gsoSize, start, offset).buffer), 2);
  return hexOf(bytes);
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** IPv6 with a transport and its payload; `front`: extension headers, and the first one's number. */
function ipv6(protocol: number, transport: Uint8Array, front: { first: number; bytes: number[] }): Uint8Array {
  const bytes = new Uint8Array(40 + front.bytes.length + transport.length);
  bytes[0] = 0x60;
  bytes[6] = front.bytes.length > 0 ? front.first : protocol;
  bytes.set(front.bytes, 40);
  bytes.set(transport, 40 + front.bytes.length);
  return bytes;
}

const transportOf = (kind: 'tcp' | 'udp', payload: number): Uint8Array => partialPacket(kind, payload).subarray(20);

/** A destination option header and a routing header, 8 and 16 bytes. */
const extensions = (protocol: number): { first: number; bytes: number[] } => ({
  first: 60,
  bytes: [43, 0, 1, 4, 0, 0, 0, 0, protocol, 1, ...new Array<number>(14).fill(0)],
});
const NONE = { first: 0, bytes: [] };

function withFlags(packet: Uint8Array, at: number, flags: number): Uint8Array {
  const changed = packet.slice();
  changed[at] = changed[at]! | flags;
  return changed;
}

const TCP4 = partialPacket('tcp', 3000);
const UDP4 = partialPacket('udp', 3000);
const TCP6 = ipv6(6, transportOf('tcp', 3000), NONE);
const UDP6 = ipv6(17, transportOf('udp', 3000), NONE);
const TCP6_EXTENDED = ipv6(6, transportOf('tcp', 3000), extensions(6));

/** Super-segments, what stands in front of them, and what the header says, counted from the front's end. */
const SUPER_SEGMENTS = [
  { name: 'TCP over IPv4', front: '', packet: TCP4, gsoType: GSO_TCPV4, start: 20, offset: 16, headers: 40 },
  { name: 'UDP over IPv4', front: '', packet: UDP4, gsoType: GSO_UDP_L4, start: 20, offset: 6, headers: 28 },
  { name: 'TCP over IPv6', front: '', packet: TCP6, gsoType: GSO_TCPV6, start: 40, offset: 16, headers: 60 },
  { name: 'UDP over IPv6', front: '', packet: UDP6, gsoType: GSO_UDP_L4, start: 40, offset: 6, headers: 48 },
  { name: 'a frame', front: ETHERNET + IPV4, packet: TCP4, gsoType: GSO_TCPV4, start: 20, offset: 16, headers: 40 },
  {
    name: 'tagged',
    front: ETHERNET + VLAN + IPV6,
    packet: TCP6,
    gsoType: GSO_TCPV6,
    start: 40,
    offset: 16,
    headers: 60,
  },
  {
    name: 'tagged twice',
    front: ETHERNET + SERVICE_VLAN + VLAN + IPV4,
    packet: UDP4,
    gsoType: GSO_UDP_L4,
    start: 20,
    offset: 6,
    headers: 28,
  },
] as const;

describe.skipIf(unavailable !== undefined)('the header of a packet', () => {
  it.each(SUPER_SEGMENTS)('$name: a super-segment, out and in again', ({ front, packet, gsoType, ...places }) => {
    const [ethernet, before] = [front === '' ? 0 : 1, front.length / 2];
    const bytes = front + hexOf(packet);
    const { start, offset, headers } = places;
    const common = { flags: NEEDS_CSUM, start: before + start, offset, headers: before + headers };
    const whole = headerHex({ ...common, gsoType, gsoSize: 1000 });
    const answers = run([
      `w ${ethernet} ${Checksum.partial} 1000 ${bytes}`,
      `r ${ethernet} ${whole} ${bytes}`,
      // Without a segment size, or one that all of it fits: an ordinary packet.
      `w ${ethernet} ${Checksum.partial} 0 ${bytes}`,
      `w ${ethernet} ${Checksum.partial} 3000 ${bytes}`,
      `r ${ethernet} ${headerHex(common)} ${bytes}`,
    ]);
    expect(answers).toEqual([
      ['1', whole],
      ['1', `${Checksum.partial}`, '1000', bytes],
      ['1', headerHex(common)],
      ['1', headerHex(common)],
      ['1', `${Checksum.partial}`, '0', bytes],
    ]);
  });

  it('behind extension headers of IPv6: what is not of many segments is finished', () => {
    const bytes = hexOf(TCP6_EXTENDED);
    const common = { flags: NEEDS_CSUM, start: 64, offset: 16, headers: 84 };
    const whole = headerHex({ ...common, gsoType: GSO_TCPV6, gsoSize: 1000 });
    const [written, many, one] = run([
      `w 0 ${Checksum.partial} 1000 ${bytes}`,
      `r 0 ${whole} ${bytes}`,
      `r 0 ${headerHex(common)} ${bytes}`,
    ]);
    expect(written).toEqual(['1', whole]);
    expect(many).toEqual(['1', `${Checksum.partial}`, '1000', bytes]);
    expect(one!.slice(0, 3)).toEqual(['1', `${Checksum.none}`, '0']);
    // The pseudo header's sum is that of the packet of IPv4 from which the segment is.
    const finished = TCP4.slice();
    finished.set(Buffer.from(one![3]!, 'hex').subarray(64), 20);
    expect(checksumIsRight(finished)).toBe(true);
  });

  it('RFC 3168 §6.1.2: says when the first segment alone has the flag CWR', () => {
    const [v4, v6] = [withFlags(TCP4, 33, CWR), withFlags(TCP6, 53, CWR)].map(hexOf);
    const written = run([
      `w 0 ${Checksum.partial} 1000 ${v4}`,
      `w 0 ${Checksum.partial} 1000 ${v6}`,
      `w 0 ${Checksum.partial} 0 ${v4}`,
    ]).map(([, header]) => Number.parseInt(header!.slice(2, 4), 16));
    expect(written).toEqual([GSO_TCPV4 | GSO_ECN, GSO_TCPV6 | GSO_ECN, 0]);
    const arrived = headerHex({
      flags: NEEDS_CSUM,
      gsoType: GSO_TCPV4 | GSO_ECN,
      gsoSize: 1000,
      start: 20,
      offset: 16,
    });
    expect(run([`r 0 ${arrived} ${v4}`])[0]!.slice(0, 3)).toEqual(['1', `${Checksum.partial}`, '1000']);
  });

  it('is empty where nothing was left out, whatever the packet is', () => {
    const empty = headerHex({});
    for (const packet of ['', '45', 'ff'.repeat(60), hexOf(TCP4)]) {
      for (const checksum of [Checksum.none, Checksum.valid]) {
        expect(run([`w 0 ${checksum} 0 ${packet}`, `w 1 ${checksum} 0 ${packet}`])).toEqual([
          ['1', empty],
          ['1', empty],
        ]);
      }
    }
  });

  it('of what arrives says what is known of the checksum', () => {
    const bytes = hexOf(TCP4);
    expect(
      run([
        `r 0 ${headerHex({})} ${bytes}`,
        `r 0 ${headerHex({ flags: DATA_VALID })} ${bytes}`,
        `r 0 ${headerHex({ flags: DATA_VALID, gsoType: GSO_UDP_L4, gsoSize: 700 })} ${bytes}`,
        // A datagram that was not cut into fragments is none of many segments.
        `r 0 ${headerHex({ gsoType: GSO_UDP, gsoSize: 1480 })} ${bytes}`,
      ]).map((answer) => answer.slice(0, 3)),
    ).toEqual([
      ['1', `${Checksum.none}`, '0'],
      ['1', `${Checksum.valid}`, '0'],
      ['1', `${Checksum.valid}`, '700'],
      ['1', `${Checksum.none}`, '0'],
    ]);
  });

  it.each([
    ['a super-segment whose checksum is complete', `w 0 ${Checksum.none} 1000 ${hexOf(TCP4)}`],
    ['one that somebody vouches for', `w 0 ${Checksum.valid} 1000 ${hexOf(TCP4)}`],
    ['neither TCP nor UDP', `w 0 ${Checksum.partial} 0 ${hexOf(withProtocol(TCP4, 132))}`],
    ['a later fragment', `w 0 ${Checksum.partial} 0 ${hexOf(withFlags(UDP4, 7, 1))}`],
    ['a frame that is none of IP', `w 1 ${Checksum.partial} 0 ${ETHERNET}88b5${hexOf(TCP4)}`],
    ['three tags', `w 1 ${Checksum.partial} 0 ${ETHERNET}${VLAN}${VLAN}${VLAN}${IPV4}${hexOf(TCP4)}`],
    ['IP of another version', `w 0 ${Checksum.partial} 0 ${hexOf(withFlags(TCP4, 0, 0x30))}`],
    [
      'a TCP header that is too short',
      `w 0 ${Checksum.partial} 0 ${hexOf(TCP4).slice(0, 64)}40${hexOf(TCP4).slice(66)}`,
    ],
    ['a TCP header beyond the end', `w 0 ${Checksum.partial} 0 ${hexOf(withFlags(TCP4, 32, 0xf0)).slice(0, 100)}`],
  ])('is refused for %s', (_, line) => {
    expect(run([line])[0]![0]).toBe('0');
  });

  it('a checksum inside of a tunnel is finished, the packet is an ordinary one then', () => {
    // IPv4 in IPv4 (protocol 4): the outer header has no transport of ours.
    const outer = Buffer.from('450000000000000040040000c0000201c0000202', 'hex');
    for (const inner of [partialPacket('tcp', 777), partialPacket('udp', 778)]) {
      const offset = inner[9] === 6 ? 16 : 6;
      const bytes = hexOf(outer) + hexOf(inner);
      const header = headerHex({ flags: NEEDS_CSUM, start: 40, offset });
      const [done, checksum, size, after] = run([`r 0 ${header} ${bytes}`])[0]!;
      expect([done, checksum, size]).toEqual(['1', `${Checksum.none}`, '0']);
      const finished = Buffer.from(after!, 'hex');
      expect(finished.subarray(0, 20)).toEqual(outer);
      expect(checksumIsRight(finished.subarray(20))).toBe(true);
      // Of many segments it can't be told.
      const many = headerHex({ flags: NEEDS_CSUM, start: 40, offset, gsoType: GSO_TCPV4, gsoSize: 100 });
      expect(run([`r 0 ${many} ${bytes}`])[0]![0]).toBe('0');
    }
  });

  it.each([
    [{ start: 0xffff, offset: 0xffff }, hexOf(TCP4)],
    [{ start: 20, offset: 16 }, hexOf(TCP4).slice(0, 2 * 37)],
    [{ start: 0, offset: 0 }, ''],
    [{ start: 0, offset: 0 }, '45'],
  ])('a checksum beyond the end is nothing: %j', (places, packet) => {
    const header = headerHex({ flags: NEEDS_CSUM, ...places });
    expect(run([`r 0 ${header} ${packet}`, `r 1 ${header} ${packet}`]).map(([done]) => done)).toEqual(['0', '0']);
  });

  it('every beginning of every packet, and what chance makes of it, stays inside of its memory', () => {
    const random = seededRandom(1);
    const lines: string[] = [];
    for (const { front, packet } of [...SUPER_SEGMENTS, { front: '', packet: TCP6_EXTENDED }]) {
      const bytes = Buffer.from(front + hexOf(packet), 'hex').subarray(0, 160);
      for (let length = 0; length <= bytes.length; length++) {
        for (let damage = 0; damage < 8; damage++) {
          const damaged = Buffer.from(bytes.subarray(0, length));
          for (let i = 0; i < damage && length > 0; i++) damaged[random.uint32() % length] = random.uint32();
          const header = new Uint8Array(10);
          random.fill(header);
          header[0] = NEEDS_CSUM;
          // Near the packet, where it matters.
          if (damage % 2 === 0)
            header.set(new Uint8Array(Uint16Array.of(random.uint32() % 170, random.uint32() % 20).buffer), 6);
          const ethernet = random.uint32() % 2;
          lines.push(`r ${ethernet} ${hexOf(header)} ${hexOf(damaged)}`);
          lines.push(`w ${ethernet} ${Checksum.partial} ${random.uint32() % 200} ${hexOf(damaged)}`);
        }
      }
    }
    const done = run(lines).filter(([first]) => first === '1').length;
    expect(done).toBeGreaterThan(100);
    expect(done).toBeLessThan(lines.length - 100);
  });
});

function withProtocol(packet: Uint8Array, protocol: number): Uint8Array {
  const changed = packet.slice();
  changed[9] = protocol;
  return changed;
}
