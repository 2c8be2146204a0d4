import { describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/buffer/batch.ts';
import { EVERYBODY } from '../../../src/buffer/group-filter.ts';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import type { GroupMessage } from '../../../src/wire/group-records.ts';
import { formatIgmp } from '../../../src/wire/igmp.ts';
import { ipv4Message, ipv6Message } from '../../support/group-world.ts';
import { address } from './fixture.ts';
import { Ip6Bench } from './fixture6.ts';

const GROUP = address('239.1.2.3');
const GROUP6 = address('ff05::1:3');
const QUERY: GroupMessage = { type: 0x11, responseCode: 1, group: address('0.0.0.0') };
const QUERY6: GroupMessage = { type: 130, responseCode: 100, group: address('::') };

describe('Memberships', () => {
  it('keeps groups by interface and family, those of the loopback too', () => {
    const { ip, lo, eth0 } = new Ip6Bench();
    const { memberships } = ip;
    memberships.listen(eth0.index, GROUP, EVERYBODY);
    memberships.join(eth0.index, GROUP6);
    memberships.join(lo.index, GROUP);
    expect([memberships.groups(eth0.index), memberships.groups(lo.index)].map(String)).toEqual([
      `${GROUP},${GROUP6}`,
      String(GROUP),
    ]);
    expect([memberships.has(eth0.index, GROUP6), memberships.has(lo.index, GROUP6)]).toEqual([true, false]);
    expect(
      [memberships.speaking(eth0.index, 4), memberships.speaking(lo.index, 4)].map((one) => one !== undefined),
    ).toEqual([true, false]);
  });

  it('everybody is in the group of all hosts', () => {
    const { ip, eth0 } = new Ip6Bench();
    for (const group of ['224.0.0.1', 'ff02::1', 'ff01::1']) {
      expect(ip.memberships.has(eth0.index, address(group)), group).toBe(true);
    }
    expect(ip.memberships.groups(eth0.index)).toEqual([]);
  });

  it('knows nothing of interfaces that there are not', () => {
    const bench = new Ip6Bench();
    const { memberships } = bench.ip;
    memberships.join(99, GROUP);
    memberships.leave(99, GROUP);
    memberships.listen(99, GROUP, EVERYBODY);
    expect([memberships.groups(99), memberships.has(99, GROUP), memberships.speaking(99, 4)]).toEqual([
      [],
      false,
      undefined,
    ]);
    bench.ip.removeInterface(bench.eth0);
    bench.ip.removeInterface(bench.eth0);
    bench.eth0.addAddress('10.0.9.9/24');
    expect(memberships.groups(bench.eth0.index)).toEqual([]);
  });

  it('counts what does not fit into the interface’s queue', () => {
    const bench = new Ip6Bench({ queue: new TransmitQueue({ limit: 200 }) });
    const { memberships } = bench.ip;
    memberships.join(bench.eth0.index, GROUP);
    memberships.join(bench.eth0.index, address('239.1.2.4'));
    memberships.join(bench.eth0.index, GROUP6);
    expect(bench.counters.snapshot()).toEqual({ 'igmp-report-queue-full': 1, 'mld-report-queue-full': 1 });
  });
});

describe('messages about groups that arrive', () => {
  it('are nobody’s on the loopback', () => {
    const bench = new Ip6Bench();
    bench.arrive(ipv4Message(formatIgmp(QUERY)), bench.lo);
    bench.arrive(ipv6Message(QUERY6), bench.lo);
    expect(bench.counters.snapshot()).toEqual({ 'igmp-not-spoken': 1, 'mld-not-spoken': 1 });
  });

  it('have a checksum, unless the link vouches for them', () => {
    const bench = new Ip6Bench();
    bench.ip.memberships.join(bench.eth0.index, GROUP);
    bench.clock.advance(2_000_000);
    bench.sent();
    const wrong = ipv4Message(formatIgmp({ ...QUERY, checksum: 0x1234 }));
    bench.arrive(wrong);
    bench.clock.advance(1_000_000);
    expect([bench.sent(), bench.counters.snapshot()]).toEqual([[], { 'igmp-bad-checksum': 1 }]);
    bench.arrive(wrong, bench.eth0, Checksum.valid);
    bench.clock.advance(1_000_000);
    expect(bench.sent()).toHaveLength(1);
  });

  it('are counted where they are cut off', () => {
    const bench = new Ip6Bench();
    bench.arrive(ipv6Message({ type: 131, responseCode: 0, records: [] }));
    bench.arrive(ipv4Message(formatIgmp(QUERY).subarray(0, 6)));
    expect(bench.counters.snapshot()).toEqual({ 'igmp-truncated': 1, 'mld-truncated': 1 });
  });
});
