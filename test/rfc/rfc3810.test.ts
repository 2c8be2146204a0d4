import { describe, expect, it } from 'vitest';
import { Address } from '../../src/wire/address.ts';
import { Icmpv6Type } from '../../src/wire/icmpv6.ts';
import { parsePacket6 } from '../../src/wire/packet.ts';
import { GroupWorld, ipv6Message } from '../support/group-world.ts';
import { hex } from '../support/wire.ts';

const GROUP = 'ff05::1:3';
const OTHER = 'ff02::fb';
const ETH0 = '::%eth0';
const A = '2001:db8::a';
const B = '2001:db8::b';
const C = '2001:db8::c';
const V2 = { details: {} };

/** A world in which the group is joined, and all is told of it. */
function joined(options: ConstructorParameters<typeof GroupWorld>[0] = {}): GroupWorld {
  const world = new GroupWorld(options);
  world.socket().join(GROUP, ETH0);
  world.during(2000);
  return world;
}

describe('RFC 3810 §5: messages', () => {
  it('[S-022] go to ff02::16 from a link-local address, with hop limit 1 and router alert', () => {
    const world = new GroupWorld();
    world.socket().join(GROUP, ETH0);
    world.clock.advance(0);
    const packet = parsePacket6(world.link.take()[0]!);
    if (typeof packet === 'string') throw new Error(packet);
    const { source, destination, hopLimit, nextHeader, extensions } = packet.ip;
    expect([String(source), String(destination), hopLimit, nextHeader]).toEqual(['fe80::2', 'ff02::16', 1, 0]);
    expect(extensions).toEqual(hex('3a00 0502 0000 0100'));
  });

  it('[S-022] §5.2.13: from :: while there is none; when there is one, everything is told anew', () => {
    const world = new GroupWorld({ addresses: ['fd00::2/64'] });
    world.socket().join(GROUP, ETH0);
    world.clock.advance(0);
    const packet = parsePacket6(world.link.take()[0]!);
    expect(typeof packet === 'string' ? packet : String(packet.ip.source)).toBe('::');
    world.during(2000);
    world.iface.network.addAddress('fd00::3/64');
    expect(world.now()).toEqual([]);
    world.iface.network.addAddress('fe80::2/64');
    expect(world.texts(5000)).toEqual([`TO_EX(${GROUP})`, `TO_EX(${GROUP})`]);
  });

  it('[S-022] §5.2.15: as many reports as the records need', () => {
    // Room for (1280 − 48 − 8) / 20 = 61 records.
    const world = new GroupWorld({ mtu: 1280 });
    const socket = world.socket();
    for (let n = 1; n <= 100; n++) socket.join(`ff05::${n}`, ETH0);
    world.during(2000);
    world.query6({ ...V2, responseCode: 10 });
    expect(world.texts(100).map((text) => text.split(' ').length)).toEqual([61, 39]);
  });
});

describe('RFC 3810 §6.1: changes of the listening state', () => {
  it('[S-022] are told at once, and again within the unsolicited report interval', () => {
    const world = new GroupWorld();
    const socket = world.socket();
    socket.join(GROUP, ETH0, A);
    const [first, second, ...more] = world.during(10_000);
    expect([first, more]).toEqual([{ at: 0, to: 'ff02::16', text: `ALLOW(${GROUP}: ${A})` }, []]);
    expect(second!.text).toBe(`ALLOW(${GROUP}: ${A})`);
    expect(second!.at).toBeLessThanOrEqual(1000);
    socket.join(OTHER, ETH0);
    expect(world.now()).toEqual([`TO_EX(${OTHER})`]);
    socket.leave(OTHER, ETH0);
    expect(world.now()).toEqual([`TO_IN(${OTHER})`]);
    socket.close();
    expect(world.texts(5000).toSorted()).toEqual([`BLOCK(${GROUP}: ${A})`, `BLOCK(${GROUP}: ${A})`, `TO_IN(${OTHER})`]);
  });

  it('[S-022] §6: nothing is said of all nodes, of scope 0 and of groups that stay on the interface', () => {
    const world = new GroupWorld();
    const socket = world.socket();
    for (const group of ['ff02::1', 'ff01::1', 'ff01::fb', 'ff00::5', 'ff11::5']) socket.join(group, ETH0);
    socket.join(GROUP, '::%lo');
    world.query6({ ...V2, responseCode: 10 });
    expect(world.texts(5000)).toEqual([]);
    expect(world.stack.interfaces[0]!.counters.packetsSent).toBe(0);
  });

  it('[S-022] a link that comes up again is told everything anew', () => {
    const world = joined();
    world.link.setUp(false);
    world.socket().join(OTHER, ETH0);
    expect(world.iface.network.queue.empty).toBe(true);
    world.link.setUp(true);
    expect(world.now()).toEqual([`TO_EX(${GROUP}) TO_EX(${OTHER})`]);
  });

  it('[S-048] the stack joins groups itself: solicited-node groups are told as others are', () => {
    const world = new GroupWorld();
    const { memberships } = world.stack.ip;
    const { index } = world.iface.network;
    const solicited = Address.parse('ff02::1:ff00:2');
    memberships.join(index, solicited);
    memberships.join(index, solicited);
    expect(world.texts(5000)).toEqual([`TO_EX(${solicited})`, `TO_EX(${solicited})`]);
    expect(memberships.has(index, solicited)).toBe(true);
    // A socket's choice of sources adds nothing, and takes nothing away.
    const socket = world.socket();
    socket.join(String(solicited), ETH0, A);
    memberships.leave(index, solicited);
    expect(world.texts(5000)).toEqual([]);
    memberships.leave(index, solicited);
    expect(world.now()).toEqual([`TO_IN(${solicited}: ${A})`]);
    socket.close();
    expect(world.now()).toEqual([`TO_IN(${solicited})`]);
    world.during(5000);
    expect(memberships.has(index, solicited)).toBe(false);
    memberships.leave(index, solicited);
    expect(world.texts(5000)).toEqual([]);
  });

  it('[S-022] a link whose MTU is too small for IPv6 hears nothing of it until it has grown', () => {
    const world = new GroupWorld({ addresses: ['10.0.0.2/24'], mtu: 1000 });
    world.socket().join(GROUP, ETH0);
    expect(world.texts(5000)).toEqual([]);
    world.iface.network.update({ mtu: 1500 });
    expect(world.texts(5000)).toEqual([`TO_EX(${GROUP})`, `TO_EX(${GROUP})`]);
  });
});

describe('RFC 3810 §6.2: queries', () => {
  it('[S-022] §9.8: that leave no time for the answer get one at once, then ten a second, however many there are', () => {
    const world = joined();
    world.query6({ ...V2, responseCode: 0 });
    expect(world.texts(1)).toEqual([`IS_EX(${GROUP})`]);
    for (let n = 0; n < 1000; n++) {
      world.query6({ ...V2, responseCode: 0 });
      world.clock.advance(1000);
    }
    expect(world.texts(200)).toHaveLength(11);
    for (let n = 0; n < 1000; n++) {
      world.query6({ ...V2, group: GROUP, responseCode: 0 });
      world.clock.advance(1000);
    }
    expect(world.texts(200)).toHaveLength(11);
    expect(world.stack.statistics().drops['mld-answer-put-off']).toBeGreaterThan(1000);
  });

  it('[S-022] a general one is answered within the response delay, once', () => {
    const world = joined();
    world.socket().join(OTHER, ETH0, A);
    world.during(2000);
    const asked = world.clock.now() / 1000;
    world.query6({ ...V2, responseCode: 5000 });
    const [answer, ...more] = world.during(20_000);
    expect([answer!.text, more]).toEqual([`IS_EX(${GROUP}) IS_IN(${OTHER}: ${A})`, []]);
    expect(answer!.at - asked).toBeLessThanOrEqual(5000);
  });

  it('[S-022] §5.1.3: the response delay may have an exponent', () => {
    const delays = Array.from({ length: 10 }, (_, n) => {
      const world = joined({ seed: n + 1 });
      const asked = world.clock.now() / 1000;
      // 8,387,584 ms
      world.query6({ ...V2, responseCode: 0xffff });
      return world.during(8_388_000, 1000)[0]!.at - asked;
    });
    expect(Math.max(...delays)).toBeGreaterThan(4_000_000);
  });

  it('[S-022] ones about a group, and about sources', () => {
    const world = joined();
    const socket = world.socket();
    for (const source of [A, B]) socket.join(OTHER, ETH0, source);
    world.during(2000);
    const asked = (group: string, ...sources: string[]): string[] => {
      world.query6({ group, details: { sources }, responseCode: 1000 });
      return world.texts(1000);
    };
    expect(asked(GROUP)).toEqual([`IS_EX(${GROUP})`]);
    expect(asked(OTHER)).toEqual([`IS_IN(${OTHER}: ${A}, ${B})`]);
    expect(asked(OTHER, B, C)).toEqual([`IS_IN(${OTHER}: ${B})`]);
    expect(asked(GROUP, B, C)).toEqual([`IS_IN(${GROUP}: ${B}, ${C})`]);
    expect(asked('ff05::9', B)).toEqual([]);
  });

  it('[S-022] rules 1 to 5: answers that are pending are put together', () => {
    const world = joined();
    world.query6({ ...V2, responseCode: 10 });
    world.query6({ ...V2, group: GROUP, responseCode: 10_000 });
    expect(world.texts(20_000)).toEqual([`IS_EX(${GROUP})`]);
    world.query6({ group: GROUP, details: { sources: [A] } });
    world.query6({ group: GROUP, details: { sources: [B] } });
    expect(world.texts(20_000)).toEqual([`IS_IN(${GROUP}: ${A}, ${B})`]);
    world.query6({ group: GROUP, details: { sources: [A] } });
    world.query6({ ...V2, group: GROUP });
    expect(world.texts(20_000)).toEqual([`IS_EX(${GROUP})`]);
  });

  it('[S-022] §5.1.15: one for an address of ours is heeded', () => {
    const world = joined();
    world.query6({ ...V2, ip6: { destination: 'fe80::2' } });
    expect(world.texts(20_000)).toEqual([`IS_EX(${GROUP})`]);
  });

  it.each([
    ['mld-bad-hop-limit', { ...V2, ip6: { hopLimit: 2 } }],
    ['mld-bad-source', { ...V2, ip6: { source: 'fd00::1' } }],
    ['ipv6-martian-source', { ...V2, ip6: { source: '::' } }],
    ['mld-no-router-alert', { ...V2, ip6: { nextHeader: 58, extensions: new Uint8Array(0) } }],
    ['mld-no-router-alert', { ip6: { nextHeader: 58, extensions: new Uint8Array(0) } }],
    ['mld-bad-destination', { ...V2, ip6: { destination: 'ff02::fb' } }],
    ['mld-bad-destination', { ...V2, group: GROUP, ip6: { destination: 'ff02::fb' } }],
    ['mld-bad-group', { ...V2, group: 'fd00::9', ip6: { destination: 'ff02::1' } }],
  ])('[S-022] §5.1.14, §6.2: %s: not heeded', (reason, query) => {
    const world = joined();
    world.query6(query);
    expect(world.texts(20_000)).toEqual([]);
    expect(world.stack.statistics().drops).toEqual({ [reason]: 1 });
  });

  it('[S-022] §6: other messages are for routers', () => {
    const world = joined();
    const group = Address.parse(GROUP);
    world.link.inject(
      ipv6Message({ type: Icmpv6Type.MULTICAST_LISTENER_DONE, responseCode: 0, group }),
      ipv6Message({ type: 143, responseCode: 0, records: [{ type: 4, group, sources: [] }] }),
      ipv6Message({ type: 143, responseCode: 0, records: [] }, { source: 'fe80::3' }),
    );
    expect(world.texts(5000)).toEqual([]);
    expect(world.stack.statistics().drops).toEqual({ 'mld-report-ignored': 3 });
  });
});

describe('RFC 3810 §8.2: version 1', () => {
  const PRESENT = 260_000;

  it('[S-022] its queriers are answered in version 1, for a while; the response delay has no exponent', () => {
    const world = joined();
    world.query6({ responseCode: 40_000 });
    const [answer, ...more] = world.during(40_000);
    expect([answer!.to, answer!.text, more]).toEqual([GROUP, `V1REPORT(${GROUP})`, []]);
    const socket = world.socket();
    socket.join(OTHER, ETH0);
    const [first, second, ...rest] = world.during(20_000);
    expect([first!.text, second!.text, rest]).toEqual([`V1REPORT(${OTHER})`, `V1REPORT(${OTHER})`, []]);
    socket.leave(OTHER, ETH0);
    expect(world.during(10_000).map(({ to, text }) => [to, text])).toEqual([['ff02::2', `DONE(${OTHER})`]]);
    world.during(PRESENT - 70_000);
    world.query6({ ...V2, responseCode: 1000 });
    expect(world.texts(2000)).toEqual([`IS_EX(${GROUP})`]);
  });

  it('[S-022] another listener’s report stops ours', () => {
    const world = joined();
    world.query6({});
    const report = { type: Icmpv6Type.MULTICAST_LISTENER_REPORT, responseCode: 0 };
    const from = { source: 'fe80::3', destination: GROUP };
    world.link.inject(ipv6Message({ ...report, group: Address.parse(GROUP) }, from));
    expect(world.texts(30_000)).toEqual([]);
    // Nor is anything said of leaving: another is there.
    world.stack.udp.sockets[0]!.leave(GROUP, ETH0);
    expect(world.texts(30_000)).toEqual([]);
    world.link.inject(ipv6Message({ ...report, group: Address.parse(OTHER) }, from));
    expect(world.stack.statistics().drops).toEqual({ 'mld-bad-destination': 1 });
  });

  it('[S-022] a change of version ends what is pending', () => {
    const world = joined();
    world.query6({ ...V2, responseCode: 10_000 });
    world.socket().join(OTHER, ETH0);
    world.now();
    world.query6({ responseCode: 1000 });
    expect(world.texts(30_000).toSorted()).toEqual([`V1REPORT(${OTHER})`, `V1REPORT(${GROUP})`]);
  });
});
