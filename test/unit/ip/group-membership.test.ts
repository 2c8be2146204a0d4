import { describe, expect, it } from 'vitest';
import { Counters } from '../../../src/buffer/counters.ts';
import { EVERYBODY, NOBODY } from '../../../src/buffer/group-filter.ts';
import { GroupMembership } from '../../../src/ip/group-membership.ts';
import type { GroupQuery } from '../../../src/ip/group-membership.ts';
import { seededRandom } from '../../../src/time/seeded-random.ts';
import { TimerWheel } from '../../../src/time/timer-wheel.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { Address } from '../../../src/wire/address.ts';

const GROUP = Address.parse('239.1.2.3');
const nth = (n: number): Address => Address.fromIpv4(0xef01_0000 + n);
const source = (n: number): Address => Address.fromIpv4(0x0a00_0000 + n);

/** A membership whose reports are written down. */
class Bench {
  readonly clock: VirtualClock = new VirtualClock();
  readonly timers: TimerWheel = new TimerWheel(this.clock);
  readonly counters: Counters = new Counters();
  readonly said: string[] = [];
  readonly membership: GroupMembership;

  constructor() {
    this.membership = new GroupMembership({
      name: 'igmp',
      clock: this.clock,
      random: seededRandom(1),
      timers: this.timers,
      counters: this.counters,
      reports: {
        report: (records) => {
          for (const { type, group, sources } of records) this.said.push(`${type} ${group} ${sources.length}`);
        },
        memberReport: (group, compatibility) => this.said.push(`${compatibility} ${group}`),
        leave: (group) => this.said.push(`leave ${group}`),
      },
    });
    this.membership.setReporting(true);
  }

  /** What was said since the last time. */
  take(): string[] {
    return this.said.splice(0);
  }

  query(changes: Partial<GroupQuery> = {}): void {
    const query = { version: 'sources', group: undefined, maxResponse: 1_000_000, robustness: 2 } as const;
    const rest = { interval: 125_000_000, sourceCount: 0, sources: () => [] };
    this.membership.query({ ...query, ...rest, ...changes }, this.clock.now());
  }
}

describe('GroupMembership', () => {
  it('holds no timer at rest', () => {
    const bench = new Bench();
    bench.membership.listen(GROUP, EVERYBODY);
    expect(bench.timers.count).toBe(1);
    bench.clock.advance(1_000_000);
    expect(bench.timers.count).toBe(0);
    bench.query();
    bench.query({ group: GROUP });
    bench.membership.listen(nth(1), EVERYBODY);
    expect(bench.timers.count).toBeGreaterThan(1);
    bench.membership.close();
    expect([bench.timers.count, bench.membership.groups]).toEqual([0, []]);
  });

  it('counts groups that need no reports, and says nothing of them', () => {
    const bench = new Bench();
    bench.membership.listen(Address.parse('224.0.0.1'), EVERYBODY);
    expect([bench.membership.groups.map(String), bench.take(), bench.timers.count]).toEqual([['224.0.0.1'], [], 0]);
    bench.membership.listen(Address.parse('224.0.0.1'), NOBODY);
    expect(bench.membership.groups).toEqual([]);
  });

  it('is silent while nothing can be reported, and forgets what is left then', () => {
    const bench = new Bench();
    bench.membership.listen(GROUP, EVERYBODY);
    bench.take();
    bench.membership.setReporting(false);
    bench.membership.setReporting(false);
    bench.membership.listen(GROUP, NOBODY);
    bench.membership.listen(nth(1), EVERYBODY);
    bench.query();
    bench.membership.heard(nth(1), 0);
    bench.membership.announce();
    bench.clock.advance(20_000_000);
    expect([bench.take(), bench.timers.count]).toEqual([[], 0]);
    bench.membership.setReporting(true);
    expect(bench.take()).toEqual([`4 ${nth(1)} 0`]);
  });

  it('tells everything anew in the older version while an older querier is there', () => {
    const bench = new Bench();
    bench.membership.listen(GROUP, EVERYBODY);
    bench.query({ version: 'groups' });
    bench.clock.advance(10_000_000);
    bench.take();
    bench.membership.announce();
    expect(bench.take()).toEqual([`groups ${GROUP}`]);
  });

  it('answers no query when it is in no group', () => {
    const bench = new Bench();
    bench.query();
    bench.query({ group: GROUP });
    bench.query({ version: 'groups' });
    expect(bench.timers.count).toBe(0);
  });

  it('remembers few groups that were left: of the oldest nothing is repeated', () => {
    const bench = new Bench();
    for (let n = 0; n < 1000; n++) {
      bench.membership.listen(nth(n), EVERYBODY);
      bench.membership.listen(nth(n), NOBODY);
    }
    // Each was told once of both.
    expect(bench.take()).toHaveLength(2000);
    expect(bench.counters.snapshot()).toEqual({ 'igmp-leave-forgotten': 936 });
    expect(bench.timers.count).toBe(64);
    bench.clock.advance(1_000_000);
    expect(bench.take()).toHaveLength(64);
    expect([bench.timers.count, bench.membership.groups]).toEqual([0, []]);
  });

  it('a group that was left is not reported while its end is still told', () => {
    const bench = new Bench();
    bench.query({ robustness: 7 });
    for (const group of [GROUP, nth(1)]) bench.membership.listen(group, EVERYBODY);
    bench.clock.advance(20_000_000);
    bench.query({ group: GROUP, maxResponse: 1, robustness: 7 });
    bench.membership.listen(GROUP, NOBODY);
    expect([bench.membership.groups.map(String), bench.membership.filterOf(GROUP)]).toEqual([
      [String(nth(1))],
      undefined,
    ]);
    bench.take();
    bench.query({ group: GROUP, maxResponse: 1, robustness: 7 });
    bench.clock.advance(10);
    expect(bench.take()).toEqual([]);
    bench.query({ maxResponse: 1, robustness: 7 });
    bench.clock.advance(10);
    expect(bench.take()).toEqual([`2 ${nth(1)} 0`]);
    bench.membership.announce();
    expect(bench.take()).toEqual([`4 ${nth(1)} 0`]);
    bench.clock.advance(20_000_000);
    expect(bench.take().filter((text) => text.includes(String(GROUP)))).toEqual(new Array(6).fill(`3 ${GROUP} 0`));
  });

  it('where nothing is told twice nothing is kept', () => {
    const bench = new Bench();
    bench.query({ robustness: 1 });
    bench.membership.listen(GROUP, EVERYBODY);
    expect(bench.timers.count).toBe(0);
    for (let n = 0; n < 1000; n++) {
      bench.membership.listen(nth(n), EVERYBODY);
      bench.membership.listen(nth(n), NOBODY);
    }
    expect([bench.counters.snapshot(), bench.timers.count]).toEqual([{}, 0]);
  });

  it('a query about a group that is never reported is not answered', () => {
    const bench = new Bench();
    const all = Address.parse('224.0.0.1');
    bench.membership.listen(all, EVERYBODY);
    for (const query of [{ group: all }, {}, { version: 'groups' }] as const) {
      bench.query(query);
      expect(bench.timers.count).toBe(0);
    }
  });

  it('a state that is the same in another order is no change', () => {
    const bench = new Bench();
    bench.membership.listen(GROUP, { exclude: true, sources: [source(1), source(2)] });
    bench.take();
    bench.membership.listen(GROUP, { exclude: true, sources: [source(2), source(1)] });
    expect(bench.take()).toEqual([]);
  });

  it('a zone is the interface’s, and not the group’s', () => {
    const bench = new Bench();
    bench.membership.listen(Address.parse('ff02::fb%eth0'), EVERYBODY);
    expect(bench.membership.groups.map(String)).toEqual(['ff02::fb']);
    expect(bench.membership.filterOf(Address.parse('ff02::fb'))).toBe(EVERYBODY);
    bench.membership.listen(Address.parse('ff02::fb'), NOBODY);
    expect(bench.membership.groups).toEqual([]);
  });
});
