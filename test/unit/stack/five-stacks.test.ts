import { describe, expect, it } from 'vitest';
import type { UdpSocket } from '../../../src/index.ts';
import { ethernetSwitch, Stack } from '../../../src/index.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';

const PORT = 9;
const STATIONS = [0, 1, 2, 3, 4];
const ROUNDS = 20;

/** The addresses of a family: where a socket hears all, of each station, what reaches all of them, and two groups. */
interface Family {
  any: string;
  addressOf: (i: number) => string;
  prefixLength: number;
  everybody: readonly string[];
  groups: readonly [string, string];
}

const IPV4: Family = {
  any: '0.0.0.0',
  addressOf: (i) => `10.0.0.${i + 1}`,
  prefixLength: 24,
  everybody: ['10.0.0.255', '255.255.255.255'],
  groups: ['239.1.2.3', '239.1.2.4'],
};
/** It has no broadcasts: all nodes are a group that nobody needs to join (RFC 4291 §2.7.1). */
const IPV6: Family = {
  any: '::',
  addressOf: (i) => `fd00::${i + 1}`,
  prefixLength: 64,
  everybody: ['ff02::1%eth0'],
  groups: ['ff05::123', 'ff05::124'],
};

/** Five stacks on a switch, each with a socket that writes down what it hears. */
class Five {
  readonly clock: VirtualClock = new VirtualClock();
  readonly hub: ReturnType<typeof ethernetSwitch> = ethernetSwitch({ ports: STATIONS.length });
  readonly stacks: Stack[] = STATIONS.map((i) => new Stack({ clock: this.clock, random: seededRandom(i + 1) }));
  readonly heard: string[][] = STATIONS.map(() => []);
  readonly sockets: UdpSocket[];

  constructor({ any, addressOf, prefixLength }: Family) {
    this.sockets = this.stacks.map((stack, i) => {
      stack.attach(this.hub.ports[i]!, { name: 'eth0', addresses: [`${addressOf(i)}/${prefixLength}`] });
      const options = { address: any, port: PORT, broadcast: true };
      return stack.udp.bind(options, {
        onMessage: (bytes, { remoteAddress }) =>
          this.heard[i]!.push(`${remoteAddress}: ${new TextDecoder().decode(bytes)}`),
      });
    });
    this.clock.advance(0);
  }

  say(from: number, words: string, to: string): void {
    expect(this.sockets[from]!.send(new TextEncoder().encode(words), PORT, to)).toBe(true);
  }

  /** What each has heard since the last time, sorted. */
  round(): string[][] {
    this.clock.advance(1_000_000);
    return this.heard.map((heard) => heard.splice(0).toSorted());
  }

  async end(): Promise<void> {
    for (const socket of this.sockets) socket.close();
    this.clock.advance(1_000_000);
    for (const stack of this.stacks) stack.assertQuiescent();
    const ends = this.stacks.map((stack) => stack.destroy());
    this.clock.advance(0);
    await Promise.all(ends);
  }
}

describe.each([
  ['IPv4', IPV4],
  ['IPv6', IPV6],
] as const)('five stacks on a switch, over %s', (_name, family) => {
  const { addressOf, everybody, groups } = family;

  it('one to one: every pair, and nobody else hears it', async () => {
    const five = new Five(family);
    for (const from of STATIONS) {
      for (const to of STATIONS) {
        for (let n = 0; n < ROUNDS; n++) five.say(from, `${n} to ${to}`, addressOf(to));
        // Of what waits for the neighbour all is kept, as far as the bound goes.
        const expected = STATIONS.map((i) =>
          i === to ? Array.from({ length: ROUNDS }, (_, n) => `${addressOf(from)}: ${n} to ${to}`).toSorted() : [],
        );
        const heard = five.round();
        if (from === to) expect(heard).toEqual(expected);
        else {
          expect(heard.filter((_, i) => i !== to).flat()).toEqual([]);
          expect(expected[to]).toEqual(expect.arrayContaining(heard[to]!));
          expect(heard[to]!.length).toBeGreaterThan(0);
        }
        // Now that they know each other nothing is lost.
        for (let n = 0; n < ROUNDS; n++) five.say(from, `${n} to ${to}`, addressOf(to));
        expect(five.round()).toEqual(expected);
      }
    }
    await five.end();
  });

  it('one to many: what is for all reaches all, what is for a group its members', async () => {
    const five = new Five(family);
    for (const to of everybody) {
      five.say(2, 'all', to);
      expect(five.round()).toEqual(STATIONS.map(() => [`${addressOf(2)}: all`]));
    }
    for (const i of [0, 2, 4]) five.sockets[i]!.join(groups[0], addressOf(i));
    for (const from of STATIONS) {
      five.say(from, 'members', groups[0]);
      five.say(from, 'nobody', groups[1]);
      const expected = STATIONS.map((i) => (i % 2 === 0 ? [`${addressOf(from)}: members`] : []));
      expect(five.round()).toEqual(expected);
    }
    five.sockets[0]!.leave(groups[0], addressOf(0));
    five.say(1, 'left', groups[0]);
    expect(five.round().map((heard) => heard.length)).toEqual([0, 0, 1, 0, 1]);
    await five.end();
  });

  it('many to many: all at once, in two groups and to each other', async () => {
    const five = new Five(family);
    for (const i of STATIONS) five.sockets[i]!.join(groups[i % 2]!, addressOf(i));
    // Everybody knows everybody.
    for (const from of STATIONS) for (const to of STATIONS) five.say(from, 'hello', addressOf(to));
    five.round();
    for (let n = 0; n < ROUNDS; n++) {
      for (const from of STATIONS) {
        for (const group of groups) five.say(from, `${n} ${group}`, group);
        for (const to of STATIONS) five.say(from, `${n} ${to}`, addressOf(to));
      }
    }
    const expected = STATIONS.map((i) =>
      STATIONS.flatMap((from) =>
        Array.from({ length: ROUNDS }, (_, n) =>
          [groups[i % 2]!, String(i)].map((to) => `${addressOf(from)}: ${n} ${to}`),
        ),
      )
        .flat()
        .toSorted(),
    );
    expect(five.round()).toEqual(expected);
    expect(five.stacks.map((stack) => stack.statistics().drops['udp-receive-buffer-full'])).toEqual(
      STATIONS.map(() => undefined),
    );
    await five.end();
  });
});
