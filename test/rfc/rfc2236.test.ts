import { describe, expect, it } from 'vitest';
import { parsePacket } from '../../src/wire/packet.ts';
import { Address } from '../../src/wire/address.ts';
import { formatIgmp, IgmpType } from '../../src/wire/igmp.ts';
import { GroupWorld, ipv4Message, ROUTER_ALERT } from '../support/group-world.ts';

const GROUP = '239.1.2.3';
const OTHER = '239.1.2.4';

/** A world whose querier is of version 2: without groups, nothing is said yet. */
function version2(seed = 1): GroupWorld {
  const world = new GroupWorld({ seed });
  world.query4({});
  return world;
}

/** Another member reports the group. */
function reported(world: GroupWorld, group: string, ip: Parameters<typeof ipv4Message>[1] = {}): void {
  const payload = formatIgmp({ type: IgmpType.MEMBERSHIP_REPORT_V2, responseCode: 0, group: Address.parse(group) });
  world.link.inject(ipv4Message(payload, { source: '10.0.0.3', destination: group, ...ip }));
}

describe('RFC 2236 §3: joining and leaving', () => {
  it('[S-022] "immediately transmit an unsolicited Version 2 Membership Report … repeated once or twice"', () => {
    const world = version2();
    world.socket().join(GROUP);
    const [first, second, ...more] = world.during(60_000);
    expect(first).toEqual({ at: 0, to: GROUP, text: `V2REPORT(${GROUP})` });
    expect([second!.text, more]).toEqual([`V2REPORT(${GROUP})`, []]);
    expect(second!.at).toBeGreaterThan(0);
    expect(second!.at).toBeLessThanOrEqual(10_000);
  });

  it('[S-022] §2: with TTL 1 and router alert', () => {
    const world = version2();
    world.socket().join(GROUP);
    world.clock.advance(0);
    const packet = parsePacket(world.link.take()[0]!);
    if (typeof packet === 'string') throw new Error(packet);
    expect([packet.ip.ttl, packet.ip.options]).toEqual([1, ROUTER_ALERT]);
  });

  it('[S-022] who was the last to report says that it leaves, to all routers', () => {
    const world = version2();
    const socket = world.socket();
    socket.join(GROUP);
    world.during(20_000);
    socket.leave(GROUP);
    expect(world.during(60_000).map(({ to, text }) => [to, text])).toEqual([['224.0.0.2', `LEAVE(${GROUP})`]]);
  });

  it('[S-022] who was not goes in silence', () => {
    const world = version2();
    const socket = world.socket();
    socket.join(GROUP);
    world.during(20_000);
    reported(world, GROUP);
    socket.leave(GROUP);
    expect(world.texts(60_000)).toEqual([]);
  });

  it('[S-022] sources and second members are nobody’s business: version 2 knows groups', () => {
    const world = version2();
    const [one, two] = [world.socket(), world.socket()];
    one.join(GROUP, undefined, '192.0.2.1');
    expect(world.texts(20_000)).toEqual([`V2REPORT(${GROUP})`, `V2REPORT(${GROUP})`]);
    one.join(GROUP, undefined, '192.0.2.2');
    two.join(GROUP);
    one.leave(GROUP);
    expect(world.texts(20_000)).toEqual([]);
    two.leave(GROUP);
    expect(world.texts(20_000)).toEqual([`LEAVE(${GROUP})`]);
  });

  it('[S-022] §6: to a querier of version 1 nothing is said of leaving', () => {
    const world = new GroupWorld();
    world.query4({ responseCode: 0 });
    const socket = world.socket();
    socket.join(GROUP);
    expect(world.texts(20_000)).toEqual([`V1REPORT(${GROUP})`, `V1REPORT(${GROUP})`]);
    // RFC 1112, appendix I: its queries are always general.
    socket.join(OTHER);
    world.during(20_000);
    world.query4({ responseCode: 0, group: GROUP, ip4: { destination: '224.0.0.1' } });
    expect(world.texts(20_000).toSorted()).toEqual([`V1REPORT(${GROUP})`, `V1REPORT(${OTHER})`]);
    socket.leave(GROUP);
    expect(world.texts(20_000)).toEqual([]);
  });

  it('[S-022] a join that is taken back is not repeated', () => {
    const world = version2();
    const socket = world.socket();
    socket.join(GROUP);
    socket.leave(GROUP);
    expect(world.texts(20_000)).toEqual([`V2REPORT(${GROUP})`, `LEAVE(${GROUP})`]);
  });
});

describe('RFC 2236 §3, §6: queries and reports', () => {
  it('[S-022] each group is reported at a moment of its own, within the response time', () => {
    const world = version2();
    const socket = world.socket();
    for (const group of [GROUP, OTHER]) socket.join(group);
    socket.join('224.0.0.1');
    world.during(20_000);
    const asked = world.clock.now() / 1000;
    world.query4({ responseCode: 50 });
    const reports = world.during(20_000);
    expect(reports.map(({ text }) => text).toSorted()).toEqual([`V2REPORT(${GROUP})`, `V2REPORT(${OTHER})`]);
    expect(new Set(reports.map(({ at }) => at)).size).toBe(2);
    for (const { at } of reports) expect(at - asked).toBeLessThanOrEqual(5000);
  });

  it('[S-022] the response time is linear: 0xff is 25.5 s', () => {
    const delays = Array.from({ length: 10 }, (_, n) => {
      const world = version2(n + 1);
      world.socket().join(GROUP);
      world.during(20_000, 10);
      const asked = world.clock.now() / 1000;
      world.query4({ responseCode: 0xff });
      return world.during(30_000, 10)[0]!.at - asked;
    });
    expect(Math.max(...delays)).toBeGreaterThan(12_000);
    expect(Math.max(...delays)).toBeLessThanOrEqual(25_510);
  });

  it('[S-022] a group-specific one is for that group', () => {
    const world = version2();
    const socket = world.socket();
    for (const group of [GROUP, OTHER]) socket.join(group);
    world.during(20_000);
    world.query4({ group: OTHER, responseCode: 10 });
    expect(world.texts(10_000)).toEqual([`V2REPORT(${OTHER})`]);
  });

  it('[S-022] a timer that runs is only ever brought forward', () => {
    const world = version2();
    world.socket().join(GROUP);
    world.during(20_000);
    world.query4({ responseCode: 200 });
    world.query4({ responseCode: 1 });
    expect(world.texts(100)).toEqual([`V2REPORT(${GROUP})`]);
    world.query4({ responseCode: 1 });
    world.query4({ responseCode: 200 });
    expect(world.texts(100)).toEqual([`V2REPORT(${GROUP})`]);
  });

  it('[S-022] another member’s report stops ours', () => {
    const world = version2();
    const socket = world.socket();
    for (const group of [GROUP, OTHER]) socket.join(group);
    // The repetition, too.
    world.now();
    reported(world, GROUP);
    expect(world.texts(20_000)).toEqual([`V2REPORT(${OTHER})`]);
    world.query4({ responseCode: 100 });
    reported(world, OTHER);
    expect(world.texts(20_000)).toEqual([`V2REPORT(${GROUP})`]);
  });

  it('[S-022] but not one that was sent elsewhere, or comes from afar', () => {
    const world = version2();
    world.socket().join(GROUP);
    world.during(20_000);
    world.query4({ responseCode: 100 });
    reported(world, GROUP, { destination: '224.0.0.1' });
    reported(world, GROUP, { ttl: 2 });
    reported(world, OTHER);
    expect(world.texts(20_000)).toEqual([`V2REPORT(${GROUP})`]);
    expect(world.stack.statistics().drops).toEqual({ 'igmp-bad-destination': 1, 'igmp-bad-ttl': 1 });
  });

  it('[S-022] an answer that is due when the older querier’s time is over is not given (RFC 3376 §7.2.1)', () => {
    let forgotten = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const world = version2(seed);
      world.socket().join(GROUP);
      world.during(255_000, 100);
      world.query4({ group: GROUP, responseCode: 250 });
      const answers = world.during(30_000, 100);
      for (const { text } of answers) expect(text).toBe(`V2REPORT(${GROUP})`);
      for (const { at } of answers) expect(at).toBeLessThanOrEqual(260_000);
      if (answers.length === 0) forgotten++;
    }
    expect(forgotten).toBeGreaterThan(2);
  });

  it('[S-022] to members of version 3 other members’ reports mean nothing (RFC 3376 §7.2.2)', () => {
    const world = new GroupWorld();
    world.socket().join(GROUP);
    world.during(2000);
    for (const group of [undefined, GROUP]) {
      world.query4({ details: {}, responseCode: 10, ...(group !== undefined && { group }) });
      reported(world, GROUP);
      expect(world.texts(2000)).toEqual([`IS_EX(${GROUP})`]);
    }
  });
});
