import { afterEach, describe, expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import type { AttachOptions, Interface } from '../../../src/stack/interface.ts';
import type { StackOptions } from '../../../src/stack/stack.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import { ethernetHeaderLength, EtherType, parseEthernet } from '../../../src/wire/ethernet.ts';
import { ipv4HeaderLength, writeIpv4Checksum } from '../../../src/wire/ipv4.ts';
import { MacAddress } from '../../../src/wire/mac.ts';
import { RawEthernet } from '../../support/ethernet-world.ts';
import { kernelFrame, kernelFrames } from '../../support/golden-link.ts';
import { viewOf } from '../../support/wire.ts';

/*
 * A stack of ours in the place of a kernel: same hardware address, same IP addresses. What it sends is what the kernel
 * has sent, byte for byte, but for what each draws by lot.
 */

/** a, a host, and r, its router, as test/golden/link/make.sh has them. */
const A = { mac: '02:00:00:00:01:02', addresses: ['10.9.1.2/24', 'fd01::2/64', 'fe80::ff:fe00:102/64'] };
const R = { mac: '02:00:00:00:01:01', addresses: ['10.9.1.1/24', 'fd01::1/64', 'fe80::ff:fe00:101/64'] };

class TwinLink extends RawEthernet {
  override readonly address: Uint8Array;

  constructor(mac: string) {
    super();
    this.address = MacAddress.parse(mac).bytes();
  }
}

/** A stack with the addresses of a kernel. */
class Twin {
  readonly clock: VirtualClock = new VirtualClock();
  readonly link: TwinLink;
  readonly stack: Stack;
  readonly iface: Interface;

  constructor(place: typeof A, options: AttachOptions = {}, stackOptions: StackOptions = {}) {
    this.link = new TwinLink(place.mac);
    this.stack = new Stack({ clock: this.clock, random: seededRandom(1), ...stackOptions });
    const given = { name: 'eth0', addresses: place.addresses, autoconfiguration: false, ...options };
    this.iface = this.stack.attach(this.link, given);
  }

  /** The announcements of the beginning are over. */
  settled(): this {
    this.clock.advance(20_000_000);
    this.link.take();
    return this;
  }

  /** The frames that are sent within so many seconds, when these have come. */
  answers(seconds: number, ...frames: Uint8Array[]): Uint8Array[] {
    this.link.inject(...frames);
    this.clock.advance(seconds * 1_000_000);
    return this.link.take();
  }
}

let twin: Twin | undefined;

function twinOf(...given: ConstructorParameters<typeof Twin>): Twin {
  twin = new Twin(...given);
  return twin;
}

afterEach(async () => {
  const ended = twin?.stack.destroy();
  twin?.clock.advance(0);
  await ended;
});

/** The same with zeros for IPv4's identification and IPv6's flow label, which each draws by lot. */
function anonymous(frame: Uint8Array): Uint8Array {
  const bytes = frame.slice();
  const view = viewOf(bytes);
  const start = ethernetHeaderLength(view, 0, bytes.length);
  const type = view.getUint16(start - 2);
  if (type === EtherType.IPV6) view.setUint32(start, view.getUint32(start) & 0xfff0_0000);
  if (type !== EtherType.IPV4) return bytes;
  view.setUint16(start + 4, 0);
  writeIpv4Checksum(view, start, ipv4HeaderLength(view, start));
  return bytes;
}

/** The same without IPv4's flag "don't fragment": the kernel's errors may be cut on their way, ours are short anyhow. */
function cuttable(frame: Uint8Array): Uint8Array {
  const bytes = frame.slice();
  const view = viewOf(bytes);
  if (view.getUint16(12) !== EtherType.IPV4) return bytes;
  view.setUint16(20, view.getUint16(20) & 0xbfff);
  writeIpv4Checksum(view, 14, 20);
  return bytes;
}

/** In digits, so that a difference can be seen. */
function digits(frame: Uint8Array): string {
  return [...anonymous(frame)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** These frames of the kernel were sent, in this order, and no others of their kind. */
function expectSame(sent: readonly Uint8Array[], ...kernel: readonly Uint8Array[]): void {
  expect(sent.map(digits)).toEqual(kernel.map(digits));
}

function typeOf(frame: Uint8Array): number {
  const value = parseEthernet(frame);
  return typeof value === 'string' ? 0 : value.type;
}

/** Sends a datagram, so that somebody must be asked for. */
function speakTo({ stack }: Twin, address: string): void {
  const socket = stack.udp.bind({ address: '::' }, { onMessage: () => {} });
  socket.send(Uint8Array.of(1), 9, address);
  socket.close();
}

describe('ARP as the kernel has it', () => {
  const isArp = (frame: Uint8Array): boolean => typeOf(frame) === EtherType.ARP;

  it('[S-049] RFC 826: a request', () => {
    const a = twinOf(A).settled();
    speakTo(a, '10.9.1.1');
    expectSame(a.answers(0), kernelFrame('arp', 'Request who-has 10.9.1.1 tell 10.9.1.2'));
  });

  it('RFC 826: replies, also to who has only tried the address', () => {
    const r = twinOf(R).settled();
    const asked = kernelFrames('arp').filter(({ line }) => line.includes('Request who-has 10.9.1.1 '));
    const told = kernelFrames('arp').filter(({ line }) => line.includes('Reply 10.9.1.1 is-at'));
    expect([asked.length, told.length]).toEqual([3, 3]);
    for (const [i, { bytes }] of asked.entries()) expectSame(r.answers(0, bytes).filter(isArp), told[i]!.bytes);
  });

  it('RFC 5227 §2.3: the announcement of an address', () => {
    const a = twinOf(A);
    const [first] = a.answers(1).filter(isArp);
    const own = kernelFrames('arp').filter(({ line }) => line.includes('Request who-has 10.9.1.2 tell 10.9.1.2'));
    expectSame([first!], own.find(({ line }) => line.startsWith(A.mac))!.bytes);
  });
});

describe('IGMP as the kernel has it', () => {
  const reports = kernelFrames('igmp').filter(({ line }) => line.startsWith(A.mac));
  const join = (a: Twin) => {
    const socket = a.stack.udp.bind({ address: '0.0.0.0', port: 5000 }, { onMessage: () => {} });
    socket.join('239.1.2.3', '10.9.1.2');
    return socket;
  };

  it('RFC 3376: reports of version 3 about a group joined, and left again', () => {
    const a = twinOf(A).settled();
    const socket = join(a);
    const [joined] = a.answers(5);
    expectSame([joined!], reports.find(({ line }) => line.includes('v3 report, 1 group'))!.bytes);
    socket.leave('239.1.2.3', '10.9.1.2');
    const [left] = a.answers(5);
    // TO_IN without sources: the fourth of them.
    expectSame([left!], reports[3]!.bytes);
  });

  it('RFC 3376: about one source of a group', () => {
    const a = twinOf(A).settled();
    const socket = a.stack.udp.bind({ address: '0.0.0.0', port: 5000 }, { onMessage: () => {} });
    socket.join('239.1.2.4', '10.9.1.2', '10.9.2.2');
    expectSame(a.answers(5).slice(0, 1), reports[2]!.bytes);
    socket.leave('239.1.2.4', '10.9.1.2', '10.9.2.2');
    expectSame(a.answers(5).slice(0, 1), reports[5]!.bytes);
  });

  it('RFC 2236: report and leave of version 2, when such a querier is heard', () => {
    const a = twinOf(A).settled();
    a.answers(30, kernelFrame('igmp', 'igmp query v2'));
    const socket = join(a);
    expectSame(a.answers(30).slice(0, 1), kernelFrame('igmp', 'igmp v2 report 239.1.2.3'));
    socket.leave('239.1.2.3', '10.9.1.2');
    expectSame(a.answers(30), kernelFrame('igmp', 'igmp leave 239.1.2.3'));
  });
});

describe('MLD as the kernel has it', () => {
  const reports = kernelFrames('mld').filter(({ line }) => line.startsWith(A.mac));
  const bind = (a: Twin) => a.stack.udp.bind({ address: '::', port: 5000 }, { onMessage: () => {} });

  it('RFC 3810: reports of version 2 about a group, and about one source of another', () => {
    const a = twinOf(A).settled();
    const socket = bind(a);
    socket.join('ff05::1:3', '::%eth0');
    expectSame(a.answers(5).slice(0, 1), reports[0]!.bytes);
    socket.leave('ff05::1:3', '::%eth0');
    expectSame(a.answers(5).slice(0, 1), reports[3]!.bytes);
    socket.join('ff05::1:4', '::%eth0', 'fd02::2');
    expectSame(a.answers(5).slice(0, 1), reports[2]!.bytes);
    socket.leave('ff05::1:4', '::%eth0', 'fd02::2');
    expectSame(a.answers(5).slice(0, 1), reports[5]!.bytes);
  });

  it('RFC 2710: report and done of version 1, when such a querier is heard', () => {
    const a = twinOf(A).settled();
    a.answers(30, kernelFrame('mld', 'listener querymax resp delay'));
    const socket = bind(a);
    socket.join('ff05::1:3', '::%eth0');
    expectSame(a.answers(30).slice(0, 1), kernelFrame('mld', 'listener reportmax resp delay: 0 addr: ff05::1:3'));
    socket.leave('ff05::1:3', '::%eth0');
    expectSame(a.answers(30), kernelFrame('mld', 'listener donemax resp delay: 0 addr: ff05::1:3'));
  });
});

describe('neighbour discovery as the kernel has it', () => {
  /** The messages of neighbour discovery among them. */
  const isNdp = (frame: Uint8Array): boolean => frame[20] === 58 && frame[54]! >= 133 && frame[54]! <= 137;
  /** With zeros for the nonce of a probe, and the checksum left out. */
  const withoutNonce = (frame: Uint8Array): Uint8Array => frame.slice().fill(0, 56, 58).fill(0, 80);

  it('[S-049] RFC 4861 §7.2.2: a solicitation', () => {
    const a = twinOf(A).settled();
    speakTo(a, 'fd01::1');
    expectSame(a.answers(0), kernelFrame('ndp', 'fd01::2 > ff02::1:ff00:1: ICMP6, neighbor solicitation'));
  });

  it('[S-049] RFC 4861 §7.2.4: advertisements, to who knows the hardware address without it', () => {
    const r = twinOf(R, {}, { forwarding: true }).settled();
    const asked = kernelFrame('ndp', 'fd01::2 > ff02::1:ff00:1: ICMP6, neighbor solicitation');
    expectSame(r.answers(0, asked), kernelFrame('ndp', 'fd01::1 > fd01::2: ICMP6, neighbor advertisement'));
    // Somebody tries to have this address too.
    const tried = kernelFrame('ndp', ':: > ff02::1:ff00:1: ICMP6, neighbor solicitation');
    expectSame(r.answers(0, tried), kernelFrame('ndp', 'fd01::1 > ff02::1: ICMP6, neighbor advertisement'));
  });

  it('[S-049] RFC 4862 §5.4.2 and RFC 7527: duplicate address detection, but for the nonce', () => {
    const a = twinOf({ ...A, addresses: [] }, { autoconfiguration: { identifiers: 'eui64', routers: false } });
    const probe = kernelFrame('ndp', ':: > ff02::1:ff00:102: ICMP6, neighbor solicitation, who has fe80::ff:fe00:102');
    const sent = a.answers(2).filter(isNdp);
    expectSame(sent.map(withoutNonce), withoutNonce(probe));
  });

  it('[S-049] RFC 4861 §6.3.7: a router solicitation', () => {
    const a = twinOf({ ...A, addresses: [] }, { autoconfiguration: { identifiers: 'eui64' } });
    // The first may be sent before the address is known to be free; this is one of the repetitions.
    const last = a.answers(9).filter(isNdp).at(-1);
    expectSame([last!], kernelFrame('ndp', 'router solicitation'));
  });
});

describe('fragments as the kernel has them', () => {
  it('[S-003] the echo of 4000 bytes over IPv4 comes back in the same pieces', () => {
    const r = twinOf(R).settled();
    const frames = kernelFrames('fragments').filter(({ line }) => line.includes('IPv4'));
    r.answers(0, kernelFrame('arp', 'Request who-has 10.9.1.1 tell 10.9.1.2'));
    const [asked, told] = [frames.slice(0, 3), frames.slice(3)];
    expectSame(r.answers(0, ...asked.map(({ bytes }) => bytes)), ...told.map(({ bytes }) => bytes));
  });

  it('[S-044] and over IPv6, but for their identification', () => {
    const r = twinOf(R).settled();
    const frames = kernelFrames('fragments').filter(({ line }) => line.includes('IPv6'));
    r.answers(0, kernelFrame('ndp', 'fd01::2 > ff02::1:ff00:1: ICMP6, neighbor solicitation'));
    const [asked, told] = [frames.slice(0, 3), frames.slice(3)];
    const alike = (bytes: Uint8Array): Uint8Array => bytes.slice().fill(0, 58, 62);
    const answers = r.answers(0, ...asked.map(({ bytes }) => bytes)).map(alike);
    expectSame(answers, ...told.map(({ bytes }) => alike(bytes)));
  });
});

describe('ICMP errors as the kernel has them', () => {
  const errors = kernelFrames('errors');
  /** The router of the captures: what is behind it goes nowhere here. */
  const router = (): Twin => {
    const r = twinOf(R, {}, { forwarding: true }).settled();
    r.answers(
      0,
      kernelFrame('arp', 'Request who-has 10.9.1.1 tell 10.9.1.2'),
      kernelFrame('ndp', 'fd01::2 > ff02::1:ff00:1: ICMP6, neighbor solicitation'),
    );
    return r;
  };
  const pairOf = (text: string): [asked: Uint8Array, told: Uint8Array] => {
    const at = errors.findIndex(({ line }) => line.includes(text));
    return [errors[at - 1]!.bytes, errors[at]!.bytes];
  };

  it.each([
    'ICMP time exceeded in-transit',
    'ICMP net 10.99.0.1 unreachable',
    'ICMP6, time exceeded in-transit for fd02::2',
    'ICMP6, destination unreachable, unreachable route fd99::1',
  ])('%s', (text) => {
    const r = router();
    r.stack.routes.add('10.9.2.0/24', { via: '10.9.1.2' });
    r.stack.routes.add('fd02::/64', { via: 'fd01::2' });
    const [asked, told] = pairOf(text);
    expectSame(r.answers(0, asked).map(cuttable), told);
  });
});
