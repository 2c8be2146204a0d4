import { describe, expect, it } from 'vitest';
import { IgmpType, formatIgmp } from '../../src/wire/igmp.ts';
import { Address } from '../../src/wire/address.ts';
import { parsePacket } from '../../src/wire/packet.ts';
import { GroupWorld, ipv4Message, ROUTER_ALERT } from '../support/group-world.ts';

const GROUP = '239.1.2.3';
const OTHER = '239.1.2.4';
const A = '192.0.2.1';
const B = '192.0.2.2';
const C = '192.0.2.3';
/** A query of version 3. */
const V3 = { details: {} };

/** A world in which this group is joined, and all is told of it. */
function joined(options: ConstructorParameters<typeof GroupWorld>[0] = {}, group = GROUP): GroupWorld {
  const world = new GroupWorld(options);
  world.socket().join(group);
  world.during(1000);
  return world;
}

describe('RFC 3376 §4: messages', () => {
  it('[S-022] go to 224.0.0.22 with TTL 1, TOS 0xc0 and router alert, from an address of the interface', () => {
    const world = new GroupWorld();
    world.socket().join(GROUP);
    world.clock.advance(0);
    const packet = parsePacket(world.link.take()[0]!);
    if (typeof packet === 'string') throw new Error(packet);
    const { source, destination, ttl, trafficClass, options, protocol } = packet.ip;
    expect([String(source), String(destination), ttl, trafficClass, protocol]).toEqual([
      '10.0.0.2',
      '224.0.0.22',
      1,
      0xc0,
      2,
    ]);
    expect(options).toEqual(ROUTER_ALERT);
  });

  it('[S-022] §4.2.13: from 0.0.0.0 where there is no address', () => {
    const world = new GroupWorld({ addresses: ['fe80::2/64'] });
    world.socket().join(GROUP, '::%eth0');
    world.clock.advance(0);
    const packet = parsePacket(world.link.take()[0]!);
    expect(typeof packet === 'string' ? packet : String(packet.ip.source)).toBe('0.0.0.0');
  });

  it('[S-022] §4.2.16: as many reports as the records need', () => {
    // Room for (100 − 24 − 8) / 8 = 8 records.
    const world = new GroupWorld({ mtu: 100, addresses: ['10.0.0.2/24'] });
    const socket = world.socket([], { address: '0.0.0.0' });
    for (let n = 1; n <= 20; n++) socket.join(`239.0.0.${n}`);
    world.during(2000);
    world.query4({ ...V3, responseCode: 1 });
    const reports = world.texts(100);
    expect(reports.map((text) => text.split(' ').length)).toEqual([8, 8, 4]);
    expect(new Set(reports.flatMap((text) => text.split(' '))).size).toBe(20);
  });
});

describe('RFC 3376 §3.2, §5.1: changes of interface state', () => {
  it('[S-022] are told at once, and again within the unsolicited report interval', () => {
    const world = new GroupWorld();
    const socket = world.socket();
    socket.join(GROUP);
    const [first, second, ...more] = world.during(10_000);
    expect([first, more]).toEqual([{ at: 0, to: '224.0.0.22', text: `TO_EX(${GROUP})` }, []]);
    expect(second!.text).toBe(`TO_EX(${GROUP})`);
    expect(second!.at).toBeGreaterThan(0);
    expect(second!.at).toBeLessThanOrEqual(1000);
    socket.leave(GROUP);
    expect(world.texts(10_000)).toEqual([`TO_IN(${GROUP})`, `TO_IN(${GROUP})`]);
    expect(world.stack.ip.memberships.groups(world.iface.network.index)).toEqual([]);
  });

  it('[S-022] as the table says', () => {
    const world = new GroupWorld();
    const one = world.socket();
    const two = world.socket();
    const told = (change: () => void): string[] => {
      world.during(2000);
      change();
      return world.now();
    };
    expect(told(() => one.join(GROUP, undefined, A))).toEqual([`ALLOW(${GROUP}: ${A})`]);
    expect(told(() => two.join(GROUP, undefined, B))).toEqual([`ALLOW(${GROUP}: ${B})`]);
    expect(told(() => one.join(GROUP, undefined, B))).toEqual([]);
    expect(told(() => one.leave(GROUP, undefined, A))).toEqual([`BLOCK(${GROUP}: ${A})`]);
    // INCLUDE (B) → EXCLUDE ()
    expect(told(() => two.leave(GROUP))).toEqual([]);
    expect(told(() => two.join(GROUP))).toEqual([`TO_EX(${GROUP})`]);
    expect(told(() => two.block(GROUP, A))).toEqual([`BLOCK(${GROUP}: ${A})`]);
    // EXCLUDE (A, B) − INCLUDE (B)
    expect(told(() => two.block(GROUP, B))).toEqual([]);
    expect(told(() => one.leave(GROUP, undefined, B))).toEqual([`BLOCK(${GROUP}: ${B})`]);
    expect(told(() => two.unblock(GROUP, A))).toEqual([`ALLOW(${GROUP}: ${A})`]);
    // EXCLUDE (B) → INCLUDE (C)
    expect(told(() => one.join(GROUP, undefined, C))).toEqual([]);
    expect(told(() => two.leave(GROUP))).toEqual([`TO_IN(${GROUP}: ${C})`]);
    expect(told(() => one.close())).toEqual([`BLOCK(${GROUP}: ${C})`]);
  });

  it('[S-022] §3.2: what two exclude is excluded only where both do', () => {
    const world = new GroupWorld();
    const [one, two] = [world.socket(), world.socket()];
    one.join(GROUP);
    one.block(GROUP, A);
    one.block(GROUP, B);
    world.during(2000);
    two.join(GROUP);
    expect(world.now()).toEqual([`ALLOW(${GROUP}: ${A}, ${B})`]);
    two.block(GROUP, B);
    two.block(GROUP, C);
    expect(world.now()).toEqual([`ALLOW(${GROUP}: ${A}) BLOCK(${GROUP}: ${B})`]);
  });

  it('[S-022] merge with what is pending: a change of mode is named as often as it must be', () => {
    const world = new GroupWorld();
    world.query4({ details: { robustness: 3 } });
    const socket = world.socket();
    socket.join(GROUP);
    expect(world.now()).toEqual([`TO_EX(${GROUP})`]);
    // Still a change of mode, with the sources as they are now.
    socket.block(GROUP, A);
    socket.block(GROUP, B);
    expect(world.now()).toEqual([`TO_EX(${GROUP}: ${A})`, `TO_EX(${GROUP}: ${A}, ${B})`]);
    // Three reports name the mode; the sources are still owed one and two.
    expect(world.texts(5000)).toEqual([`BLOCK(${GROUP}: ${A}, ${B})`, `BLOCK(${GROUP}: ${B})`]);
  });

  it('[S-022] successive changes of sources are each told as often as they must be', () => {
    const world = new GroupWorld();
    const socket = world.socket();
    socket.join(GROUP, undefined, A);
    socket.join(GROUP, undefined, B);
    expect(world.now()).toEqual([`ALLOW(${GROUP}: ${A})`, `ALLOW(${GROUP}: ${A}, ${B})`]);
    expect(world.texts(5000)).toEqual([`ALLOW(${GROUP}: ${B})`]);
    socket.leave(GROUP, undefined, A);
    socket.join(GROUP, undefined, A);
    expect(world.now()).toEqual([`BLOCK(${GROUP}: ${A})`, `ALLOW(${GROUP}: ${A})`]);
    expect(world.texts(5000)).toEqual([`ALLOW(${GROUP}: ${A})`]);
  });

  it('[S-022] §5: nothing is ever said of the group of all hosts, nor on the loopback', () => {
    const world = new GroupWorld();
    const socket = world.socket();
    socket.join('224.0.0.1');
    socket.join(GROUP, '127.0.0.1');
    world.query4({ ...V3, responseCode: 1 });
    expect(world.texts(5000)).toEqual([]);
    expect(world.stack.interfaces[0]!.counters.packetsSent).toBe(0);
  });

  it('[S-022] a link that comes up again is told everything anew', () => {
    const world = joined();
    world.socket().join(OTHER, undefined, A);
    world.during(2000);
    world.link.setUp(false);
    world.socket().join('239.9.9.9');
    expect(world.texts(5000)).toEqual([]);
    world.link.setUp(true);
    const all = `TO_EX(${GROUP}) ALLOW(${OTHER}: ${A}) TO_EX(239.9.9.9)`;
    const [first, ...again] = world.texts(5000);
    expect(first).toBe(all);
    expect(again.join(' ').split(' TO').length + 1).toBeGreaterThan(2);
    expect(again.toSorted()).toEqual([`ALLOW(${OTHER}: ${A})`, `TO_EX(${GROUP})`, 'TO_EX(239.9.9.9)']);
  });

  it('[S-022] an interface that goes takes its groups along', async () => {
    const world = joined();
    const { index } = world.iface.network;
    expect(world.stack.ip.memberships.groups(index).map(String)).toEqual([GROUP]);
    await world.iface.detach();
    expect(world.stack.ip.memberships.groups(index)).toEqual([]);
    expect(() => world.stack.udp.sockets[0]!.leave(GROUP, '10.0.0.2')).toThrow(
      expect.objectContaining({ code: 'EADDRNOTAVAIL' }),
    );
  });
});

describe('RFC 3376 §5.2: queries', () => {
  it('[S-022] §8.8: that leave no time for the answer get one at once, then ten a second, however many there are', () => {
    const world = joined();
    world.query4({ ...V3, responseCode: 0 });
    expect(world.texts(1)).toEqual([`IS_EX(${GROUP})`]);
    for (let n = 0; n < 1000; n++) {
      world.query4({ ...V3, responseCode: 0 });
      world.clock.advance(1000);
    }
    expect(world.texts(200)).toHaveLength(11);
    for (let n = 0; n < 1000; n++) {
      world.query4({ ...V3, group: GROUP, responseCode: 0 });
      world.clock.advance(1000);
    }
    expect(world.texts(200)).toHaveLength(11);
    expect(world.stack.statistics().drops['igmp-answer-put-off']).toBeGreaterThan(1000);
  });

  it('[S-022] a general one is answered within the response time, at a random moment, each group once', () => {
    const moments = new Set<number>();
    for (let seed = 1; seed <= 10; seed++) {
      const world = joined({ seed });
      world.socket().join(OTHER, undefined, A);
      world.during(2000);
      const asked = Math.round(world.clock.now() / 1000);
      world.query4({ ...V3, responseCode: 100 });
      const [answer, ...more] = world.during(30_000);
      expect([answer!.text, more]).toEqual([`IS_EX(${GROUP}) IS_IN(${OTHER}: ${A})`, []]);
      expect(answer!.at - asked).toBeGreaterThan(0);
      expect(answer!.at - asked).toBeLessThanOrEqual(10_000);
      moments.add(answer!.at - asked);
    }
    expect(moments.size).toBeGreaterThan(8);
    expect(Math.max(...moments)).toBeGreaterThan(5000);
    expect(Math.min(...moments)).toBeLessThan(5000);
  });

  it('[S-022] §4.1.1: the response time may have an exponent', () => {
    const delays = Array.from({ length: 10 }, (_, n) => {
      const world = joined({ seed: n + 1 });
      const asked = world.clock.now() / 1000;
      // (15 | 16) << (7 + 3): 3174.4 s
      world.query4({ ...V3, responseCode: 0xff });
      const [answer] = world.during(3_174_400, 1000);
      return answer!.at - asked;
    });
    expect(Math.max(...delays)).toBeGreaterThan(1_000_000);
  });

  it('[S-022] one about a group is answered for that group, if it is joined', () => {
    const world = joined();
    world.query4({ ...V3, group: OTHER });
    expect(world.texts(20_000)).toEqual([]);
    world.query4({ ...V3, group: GROUP, responseCode: 10 });
    expect(world.texts(1000)).toEqual([`IS_EX(${GROUP})`]);
  });

  it('[S-022] one about sources is answered for those that are wanted', () => {
    const world = new GroupWorld();
    const socket = world.socket();
    socket.join(GROUP, undefined, A);
    socket.join(GROUP, undefined, B);
    world.socket().join(OTHER);
    world.during(2000);
    const asked = (group: string, ...sources: string[]): string[] => {
      world.query4({ group, details: { sources }, responseCode: 10 });
      return world.texts(1000);
    };
    // INCLUDE (A): IS_IN (A*B). EXCLUDE (A): IS_IN (B−A).
    expect(asked(GROUP, B, C)).toEqual([`IS_IN(${GROUP}: ${B})`]);
    expect(asked(GROUP, C)).toEqual([]);
    expect(asked(OTHER, B, C)).toEqual([`IS_IN(${OTHER}: ${B}, ${C})`]);
    world.stack.udp.sockets[1]!.block(OTHER, C);
    world.during(2000);
    expect(asked(OTHER, B, C)).toEqual([`IS_IN(${OTHER}: ${B})`]);
    expect(asked(OTHER, C)).toEqual([]);
  });

  it('[S-022] rule 1: nothing more is planned where an answer to all comes sooner', () => {
    const world = joined();
    world.query4({ ...V3, responseCode: 1 });
    world.query4({ ...V3, group: GROUP, responseCode: 100 });
    world.query4({ ...V3, responseCode: 100 });
    expect(world.texts(20_000)).toEqual([`IS_EX(${GROUP})`]);
  });

  it('[S-022] rule 2: a general query whose answer comes sooner takes the place of the earlier one', () => {
    const world = joined();
    world.query4({ ...V3, responseCode: 0xff });
    world.query4({ ...V3, responseCode: 1 });
    expect(world.texts(100)).toEqual([`IS_EX(${GROUP})`]);
    expect(world.texts(60_000)).toEqual([]);
  });

  it('[S-022] rules 3 to 5: questions about sources are answered together, one about the group for all of it', () => {
    const world = joined();
    world.query4({ group: GROUP, responseCode: 100, details: { sources: [A] } });
    world.query4({ group: GROUP, responseCode: 100, details: { sources: [B] } });
    expect(world.texts(20_000)).toEqual([`IS_IN(${GROUP}: ${A}, ${B})`]);
    world.query4({ group: GROUP, responseCode: 100, details: { sources: [A] } });
    world.query4({ ...V3, group: GROUP, responseCode: 100 });
    world.query4({ group: GROUP, responseCode: 100, details: { sources: [B] } });
    expect(world.texts(20_000)).toEqual([`IS_EX(${GROUP})`]);
    // "at the earliest of the remaining time for the pending report and the selected delay"
    world.query4({ group: GROUP, responseCode: 0xff, details: { sources: [A] } });
    world.query4({ group: GROUP, responseCode: 1, details: { sources: [B] } });
    world.query4({ group: GROUP, responseCode: 0xff, details: { sources: [C] } });
    expect(world.texts(100)).toEqual([`IS_IN(${GROUP}: ${A}, ${B}, ${C})`]);
  });

  it('[S-022] §9.1: too many sources are not remembered: then the group is told', () => {
    const world = joined();
    for (let n = 0; n < 2; n++) {
      const sources = Array.from({ length: 200 }, (_, k) => `10.${n}.1.${k}`);
      world.query4({ group: GROUP, responseCode: 100, details: { sources } });
    }
    expect(world.texts(20_000)).toEqual([`IS_EX(${GROUP})`]);
    expect(world.stack.statistics().drops).toMatchObject({ 'igmp-too-many-sources-asked': 1 });
  });

  it('[S-022] §4.1.6: the robustness variable is the querier’s, and 0 the default', () => {
    const world = new GroupWorld();
    const socket = world.socket();
    for (const [robustness, reports] of [
      [1, 1],
      [5, 5],
      [0, 2],
    ] as const) {
      world.query4({ details: { robustness } });
      socket.join(GROUP);
      expect(world.texts(20_000)).toHaveLength(reports);
      socket.leave(GROUP);
      expect(world.texts(20_000)).toHaveLength(reports);
    }
  });

  it('[S-022] §4.1.12: one that is sent to an address of the interface is heeded', () => {
    const world = joined();
    world.query4({ ...V3, ip4: { destination: '10.0.0.2' } });
    expect(world.texts(10_000)).toEqual([`IS_EX(${GROUP})`]);
    world.query4({ ...V3, group: GROUP, ip4: { destination: '224.0.0.1' } });
    expect(world.texts(10_000)).toEqual([`IS_EX(${GROUP})`]);
    // RFC 4541 §2.1.1: switches that have no address ask, too.
    world.query4({ ...V3, ip4: { source: '0.0.0.0' } });
    expect(world.texts(10_000)).toEqual([`IS_EX(${GROUP})`]);
  });

  it.each([
    ['igmp-bad-ttl', { ...V3, ip4: { ttl: 2 } }],
    ['igmp-no-router-alert', { ...V3, ip4: { options: new Uint8Array(0) } }],
    ['igmp-no-router-alert', { ip4: { options: new Uint8Array(0) } }],
    ['igmp-bad-destination', { ...V3, ip4: { destination: '224.0.0.251' } }],
    ['igmp-bad-destination', { ...V3, ip4: { destination: '10.0.0.255' } }],
    ['igmp-bad-destination', { ...V3, group: GROUP, ip4: { destination: OTHER } }],
    ['igmp-bad-group', { ...V3, group: '10.9.9.9', ip4: { destination: '224.0.0.1' } }],
  ])('[S-022] §9.1: %s: not heeded', (reason, query) => {
    const world = joined();
    world.query4(query);
    expect(world.texts(20_000)).toEqual([]);
    expect(world.stack.statistics().drops).toEqual({ [reason]: 1 });
  });

  it('[S-022] §5: other messages are for routers', () => {
    const world = joined();
    const { LEAVE_GROUP, MEMBERSHIP_REPORT_V3 } = IgmpType;
    const group = Address.parse(GROUP);
    const send = (message: Parameters<typeof formatIgmp>[0]): void =>
      world.link.inject(ipv4Message(formatIgmp(message)));
    send({ type: LEAVE_GROUP, responseCode: 0, group });
    send({ type: MEMBERSHIP_REPORT_V3, responseCode: 0, records: [{ type: 4, group, sources: [] }] });
    send({ type: 0x13, responseCode: 0, group });
    world.link.inject(ipv4Message(new Uint8Array(7)));
    expect(world.texts(20_000)).toEqual([]);
    expect(world.stack.statistics().drops).toEqual({
      'igmp-report-ignored': 2,
      'igmp-unknown-type': 1,
      'igmp-truncated': 1,
    });
  });
});

describe('RFC 3376 §7.2.1: older queriers', () => {
  /** RFC 3376 §8.12: 2 × 125 s + 10 s. */
  const PRESENT = 260_000;

  it('[S-022] of version 2 are answered in version 2, for a while', () => {
    const world = joined();
    world.query4({});
    expect(world.during(10_000).map(({ to, text }) => [to, text])).toEqual([[GROUP, `V2REPORT(${GROUP})`]]);
    world.during(PRESENT - 10_001);
    world.query4({ ...V3, group: GROUP });
    expect(world.texts(0)).toEqual([]);
    world.clock.advance(1000);
    world.query4({ ...V3, group: GROUP });
    expect(world.texts(20_000)).toEqual([`IS_EX(${GROUP})`]);
  });

  it('[S-022] of version 1 mean ten seconds, and go before version 2', () => {
    const world = joined();
    world.query4({});
    world.during(10_000);
    // No router alert: version 1 knows none.
    const asked = world.clock.now() / 1000;
    world.query4({ responseCode: 0, ip4: { options: new Uint8Array(0) } });
    const [answer, ...more] = world.during(20_000);
    expect([answer!.text, more]).toEqual([`V1REPORT(${GROUP})`, []]);
    // A random moment of ten seconds, and not at once.
    expect(answer!.at - asked).toBeGreaterThan(10);
    expect(answer!.at - asked).toBeLessThanOrEqual(10_000);
    world.during(PRESENT - 31_000);
    // Version 2 again, and still version 1 until its time is over.
    world.query4({});
    expect(world.texts(10_000)).toEqual([`V1REPORT(${GROUP})`]);
    world.during(2000);
    world.socket().join(OTHER);
    expect(world.now()).toEqual([`V2REPORT(${OTHER})`]);
  });

  it('[S-022] how long they count follows the last newer query', () => {
    const world = joined();
    world.query4({ details: { robustness: 1, intervalCode: 20 }, responseCode: 50 });
    // One about a group does not say how long answers to all may take.
    world.query4({ ...V3, group: GROUP, details: { robustness: 1, intervalCode: 20 }, responseCode: 90 });
    world.during(10_000);
    world.query4({});
    world.during(10_000);
    world.query4({});
    world.during(24_999);
    expect(world.stack.ip.memberships.speaking(world.iface.network.index, 4)!.compatibility).toBe('groups');
    world.during(1);
    expect(world.stack.ip.memberships.speaking(world.iface.network.index, 4)!.compatibility).toBe('sources');
  });

  it('[S-022] §4.1.7: a query interval of 0 is none', () => {
    const world = joined();
    world.query4({ details: { intervalCode: 0 } });
    world.during(10_000);
    world.query4({});
    world.during(PRESENT - 1);
    expect(world.stack.ip.memberships.speaking(world.iface.network.index, 4)!.compatibility).toBe('groups');
  });

  it('[S-022] a change of version ends what is pending', () => {
    const world = joined();
    world.query4({ ...V3, responseCode: 100 });
    world.socket().join(OTHER);
    world.socket().join('239.9.9.9', undefined, A);
    world.now();
    // About a group that is not joined: nothing is to be answered, but the version is another.
    world.query4({ responseCode: 0, ip4: { options: new Uint8Array(0) } });
    const reports = world.texts(60_000);
    expect(reports.filter((text) => !text.startsWith('V1REPORT'))).toEqual([]);
    expect(reports.toSorted()).toEqual([GROUP, OTHER, '239.9.9.9'].map((group) => `V1REPORT(${group})`).toSorted());
  });

  it('[S-022] a query of version 2 about one group changes nothing', () => {
    const world = joined();
    world.query4({ group: GROUP });
    expect(world.texts(10_000)).toEqual([`IS_EX(${GROUP})`]);
  });
});
