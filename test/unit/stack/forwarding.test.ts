import { describe, expect, it } from 'vitest';
import { cable, Stack } from '../../../src/index.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import type { StackOptions } from '../../../src/stack/stack.ts';

const BYTES = 200_000;

interface Line {
  clock: VirtualClock;
  alice: Stack;
  router: Stack;
  bob: Stack;
}

/** alice (10.0.1.1, fd01::1) – router – bob (10.0.2.1, fd02::1), who is behind a narrower cable. */
function line(options: StackOptions, cables: Parameters<typeof cable>[0][] = [{}, { mtu: 1300 }]): Line {
  const clock = new VirtualClock();
  const make = (seed: number, own: StackOptions = {}): Stack =>
    new Stack({ clock, random: seededRandom(seed), ...own });
  const [alice, router, bob] = [make(1), make(2, options), make(3)];
  const [toAlice, toBob] = cables.map((cableOptions) => cable(cableOptions));
  alice.attach(toAlice![0], { addresses: ['10.0.1.1/24', 'fd01::1/64'] });
  router.attach(toAlice![1], { addresses: ['10.0.1.254/24', 'fd01::fe/64'] });
  router.attach(toBob![0], { addresses: ['10.0.2.254/24', 'fd02::fe/64'] });
  bob.attach(toBob![1], { addresses: ['10.0.2.1/24', 'fd02::1/64'] });
  for (const [host, net] of [
    [alice, 1],
    [bob, 2],
  ] as const) {
    host.routes.add('0.0.0.0/0', { via: `10.0.${net}.254` });
    host.routes.add('::/0', { via: `fd0${net}::fe` });
  }
  clock.advance(0);
  return { clock, alice, router, bob };
}

/** Sends from one to the other, and returns what has arrived after a minute. */
function transfer({ clock }: Line, from: Stack, to: Stack, remoteAddress: string): number {
  let received = 0;
  const listener = to.tcp.listen({ address: '::', port: 7 }, (connection) => {
    connection.handler = {
      onReadable: () => {
        for (let bytes = connection.read(); bytes; bytes = connection.read()) received += bytes.length;
      },
      onEnd: () => connection.close(),
    };
  });
  let left = BYTES;
  const write = (connection: ReturnType<Stack['tcp']['connect']>): void => {
    left -= connection.write(new Uint8Array(left));
    if (left === 0) connection.close();
  };
  from.tcp.connect({ remoteAddress, remotePort: 7 }, { onConnect: write, onWritable: write });
  clock.advance(60_000_000);
  listener.close();
  return received;
}

describe('Stack, forwarding', () => {
  it.each([
    ['10.0.2.1', 'alice to bob'],
    ['fd02::1', 'alice to bob'],
    ['10.0.1.1', 'bob to alice'],
    ['fd01::1', 'bob to alice'],
  ])('[S-052] [S-053] TCP gets through to %s (%s), whichever way is the narrow one', (address, direction) => {
    const scene = line({ forwarding: true });
    const [from, to] = direction === 'alice to bob' ? [scene.alice, scene.bob] : [scene.bob, scene.alice];
    expect(transfer(scene, from, to, address)).toBe(BYTES);
    const { forwarded, drops } = scene.router.statistics();
    expect(forwarded.bytes).toBeGreaterThan(BYTES);
    expect(forwarded.packets).toBeGreaterThan(BYTES / 1460);
    const told = Object.keys(drops).filter((reason) => reason !== 'forward-too-big' && !reason.endsWith('-error-sent'));
    expect(told).toEqual([]);
    scene.router.assertQuiescent();
  });

  it('carries super-segments whole from cable to cable, and cuts them for one that does not', () => {
    const whole = line({ forwarding: true }, [{ offload: true }, { offload: true }]);
    expect(transfer(whole, whole.alice, whole.bob, '10.0.2.1')).toBe(BYTES);
    const { packets } = whole.router.statistics().forwarded;
    const cut = line({ forwarding: true }, [{ offload: true }, {}]);
    expect(transfer(cut, cut.alice, cut.bob, '10.0.2.1')).toBe(BYTES);
    expect(cut.router.statistics().forwarded.packets).toBeGreaterThan(2 * packets);
    // A router tells of the groups that it is in, of IPv6 from `::` where it has no link-local address.
    const drops = Object.keys(cut.bob.statistics().drops);
    const others = drops.filter((reason) => !['igmp-report-ignored', 'ipv6-martian-source'].includes(reason));
    expect(others).toEqual([]);
  });

  it('is turned on and off, by version, while packets pass', () => {
    const { clock, alice, router, bob } = line({});
    const seen: string[] = [];
    bob.udp.bind(
      { address: '::', port: 7 },
      { onMessage: (_bytes, { remoteAddress }) => seen.push(remoteAddress.toString()) },
    );
    const socket = alice.udp.bind({ address: '::' }, { onMessage: () => {} });
    const send = (): string[] => {
      socket.send(new Uint8Array(1), 7, '::ffff:10.0.2.1');
      socket.send(new Uint8Array(1), 7, 'fd02::1');
      clock.advance(0);
      return seen.splice(0);
    };
    expect(router.forwarding).toEqual({ ipv4: false, ipv6: false });
    expect(send()).toEqual([]);
    router.forwarding = { ipv6: true };
    expect(send()).toEqual(['fd01::1']);
    router.forwarding = true;
    expect(router.forwarding).toEqual({ ipv4: true, ipv6: true });
    expect(send()).toEqual(['10.0.1.1', 'fd01::1']);
    router.forwarding = false;
    expect(send()).toEqual([]);
  });

  it.each([
    [1, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [{ ipv4: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ ip: true }, 'ERR_INVALID_ARG_VALUE'],
  ])('refuses %j', (forwarding, code) => {
    expect(() => new Stack({ forwarding } as unknown as StackOptions)).toThrow(expect.objectContaining({ code }));
    const stack = new Stack();
    expect(() => Object.assign(stack, { forwarding })).toThrow(expect.objectContaining({ code }));
    expect(stack.forwarding).toEqual({ ipv4: false, ipv6: false });
  });
});
