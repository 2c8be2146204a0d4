import { describe, expect, it } from 'vitest';
import { cable, Stack, tap } from '../../../src/index.ts';
import { flowsOf } from '../../../src/node/steering.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import { EPHEMERAL_PORTS } from '../../../src/stack/ports.ts';
import { Address } from '../../../src/wire/address.ts';

const peer = Address.parse('10.0.0.1');
const peer6 = Address.parse('fd00::1');

/** How many of these flows each of `of` queues has. */
function shares(of: number, flows: readonly Parameters<ReturnType<typeof flowsOf>>[]): number[] {
  return Array.from({ length: of }, (_, index) => flows.filter((flow) => flowsOf({ index, of })(...flow)).length);
}

describe('the flows of a queue', () => {
  it.each([1, 2, 3, 7, 256])('of %i: each flow is one queue’s', (of) => {
    for (const [port, remote, remotePort] of [
      [80, peer, 1],
      [80, peer6, 65_535],
      [61_000, peer, 40_000],
      [32_767, peer6, 80],
      [EPHEMERAL_PORTS.first, peer, 80],
      [EPHEMERAL_PORTS.last, peer6, 80],
    ] as const) {
      expect(shares(of, [[port, remote, remotePort]]).toSorted((a, b) => b - a)).toEqual([
        1,
        ...new Array<number>(of - 1).fill(0),
      ]);
    }
  });

  it.each([peer, peer6])('of clients at %s with ports one or two apart, all queues have about as many', (remote) => {
    for (const step of [1, 2]) {
      const flows = Array.from(
        { length: 1000 },
        (_, i) => [80, remote, 33_000 + i * step] as [number, Address, number],
      );
      for (const share of shares(2, flows)) expect(share).toBeGreaterThan(400);
      for (const share of shares(4, flows)) expect(share).toBeGreaterThan(200);
    }
  });

  it('an ephemeral port is one queue’s for all peers, others are shared out', () => {
    for (const index of [0, 1]) {
      const owns = flowsOf({ index, of: 2 });
      for (const port of [40_000, 40_001, 50_000]) {
        expect(owns(port, peer, 80)).toBe(owns(port));
        expect(owns(port, peer6, 81)).toBe(owns(port));
      }
      expect(owns(80)).toBe(false);
    }
    expect(flowsOf({ index: 0, of: 1 })(80)).toBe(true);
  });
});

/** A stack with one of two queues, in virtual time. */
function stackOf(index: number): Stack {
  const [a] = cable();
  const link = Object.assign(a, { ownsFlow: flowsOf({ index, of: 2 }) });
  const stack = new Stack({ clock: new VirtualClock(), random: seededRandom(index) });
  // A wrapper passes on what the link says.
  stack.attach(tap(link, {}), { addresses: ['10.0.0.2/24'] });
  return stack;
}

describe.each([0, 1])('a stack with queue %i of two', (index) => {
  const owns = flowsOf({ index, of: 2 });

  it('chooses ports whose answers come to it', async () => {
    const stack = stackOf(index);
    for (let i = 0; i < 50; i++) {
      expect(owns(stack.tcp.connect({ remoteAddress: '10.0.0.1', remotePort: 80 }, {}).localPort)).toBe(true);
      expect(owns(stack.udp.bind({}, { onMessage() {} }).localPort)).toBe(true);
      expect(owns(stack.tcp.listen({ port: 0 }, () => {}).port)).toBe(true);
    }
    await stack.destroy();
  });

  it('refuses to connect from another’s port, and listens on any', async () => {
    const stack = stackOf(index);
    for (const localPort of [5000, 5001, 5002, 40_000, 40_001, 40_002, 40_003]) {
      const connect = (): unknown => stack.tcp.connect({ remoteAddress: '10.0.0.1', remotePort: 80, localPort }, {});
      if (owns(localPort, peer, 80)) connect();
      else expect(connect).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL', syscall: 'connect' }) as Error);
      stack.tcp.listen({ port: localPort + 100 }, () => {});
      stack.udp.bind({ port: localPort }, { onMessage() {} });
    }
    // Inside the stack there is nobody else.
    for (const localPort of [6000, 6001, 6002, 6003]) {
      stack.tcp.connect({ remoteAddress: '127.0.0.1', remotePort: 80, localPort }, {});
    }
    await stack.destroy();
  });
});
