import { describe, expect, it } from 'vitest';
import type { Captured } from '../support/kernel-capture.ts';
import { captureOn } from '../support/kernel-capture.ts';
import { connect, part, STACK, transfer } from '../support/kernel.ts';
import { FAR, withRouter } from '../support/kernel-router.ts';
import { canUseTun } from '../support/namespace.ts';
import { kernelSockets, numberOf } from '../support/socket-statistics.ts';

const unavailable = canUseTun('tcpdump', 'ping', 'ss', 'sysctl');

const PORT = 5000;
const BYTES = 3_000_000;
const TIMESTAMPS = 12;
const HEADERS = 40;

/** The sizes of the largest IP packets with TCP, of ours and of theirs. */
function largest({ packets }: Captured): { ours: number; theirs: number } {
  const sizes = (ours: boolean): number[] =>
    packets
      .filter(({ ip, tcp }) => tcp && (ip.source.toString() === STACK) === ours)
      .map(({ tcp }) => 20 + 20 + tcp!.options.length + tcp!.payload.length);
  return { ours: Math.max(...sizes(true)), theirs: Math.max(...sizes(false)) };
}

describe.skipIf(unavailable)('a stack behind TUN, a router with a narrow way out, and a kernel behind it', () => {
  it.each(['auto', false] as const)(
    '[S-052] the router tells what it passes on: both sides follow, and remember it; offload: %j',
    async (offload) => {
      await withRouter(
        async ({ ns, stack, far, startFar }) => {
          const kernel = await startFar();
          await kernel.ask({ do: 'listen', port: PORT });
          const to = { port: PORT, host: FAR };
          const seen = await captureOn(ns);
          const ends = await connect('stack', { stack, kernel }, to);
          expect(await stack.ask({ do: 'info', id: ends.ours.id })).toMatchObject({ pathMtu: 1500, mss: 1448 });
          await transfer(ends.ours, ends.theirs, BYTES);
          expect(await stack.ask({ do: 'info', id: ends.ours.id })).toMatchObject({
            pathMtu: 1400,
            mss: 1400 - HEADERS - TIMESTAMPS,
            timeouts: 0,
          });
          // The next connection begins with what this one has learnt.
          const again = await connect('stack', { stack, kernel }, to);
          expect(await stack.ask({ do: 'info', id: again.ours.id })).toMatchObject({ pathMtu: 1400 });
          await transfer(again.theirs, again.ours, BYTES);
          const sockets = await kernelSockets(far, ['sport', String(PORT)]);
          expect(sockets.map((socket) => numberOf(socket, 'pmtu'))).toContain(1300);
          await part(again);
          await part(ends);
          const captured = await seen.stop();
          const told = captured.packets.filter(({ icmp }) => icmp?.type === 3 && icmp.code === 4);
          expect(new Set(told.map(({ icmp }) => icmp!.rest & 0xffff))).toEqual(new Set([1400]));
          // As a wire has them; super-segments are longer.
          if (offload === false) expect(largest(captured)).toEqual({ ours: 1500, theirs: 1300 });
        },
        { largest: { toFar: 1400, toStack: 1300 }, drops: ['tcp-mtu-lowered', 'tcp-mtu-stale'], offload },
      );
    },
  );

  it('[S-054] a router that drops in silence: the hole is noticed after timeouts, and its size found', async () => {
    await withRouter(
      async ({ ns, stack, startFar }) => {
        const kernel = await startFar();
        await kernel.ask({ do: 'listen', port: PORT });
        const seen = await captureOn(ns);
        const ends = await connect('stack', { stack, kernel }, { port: PORT, host: FAR });
        await transfer(ends.ours, ends.theirs, BYTES);
        const info = await stack.ask({ do: 'info', id: ends.ours.id });
        expect(info['timeouts']).toBeGreaterThan(0);
        expect(info['pathMtu']).toBeGreaterThan(1400 - 32);
        expect(info['pathMtu']).toBeLessThanOrEqual(1400);
        await transfer(ends.theirs, ends.ours, BYTES);
        await part(ends);
        expect((await seen.stop()).packets.filter(({ icmp }) => icmp)).toEqual([]);
      },
      {
        largest: { toFar: 1400, toStack: 1300 },
        silent: true,
        farSysctl: { tcp_mtu_probing: 1 },
        drops: ['tcp-r1', 'tcp-mtu-black-hole'],
      },
    );
  });

  it('[S-054] a silent router, and a stack that searches from the beginning: not one timeout', async () => {
    await withRouter(
      async ({ stack, startFar }) => {
        const kernel = await startFar();
        await kernel.ask({ do: 'listen', port: PORT });
        const ends = await connect('stack', { stack, kernel }, { port: PORT, host: FAR });
        await transfer(ends.ours, ends.theirs, BYTES);
        const info = await stack.ask({ do: 'info', id: ends.ours.id });
        expect(info['pathMtu']).toBeGreaterThan(1400 - 32);
        expect(info['pathMtu']).toBeLessThanOrEqual(1400);
        expect(info['timeouts']).toBe(0);
        await part(ends);
      },
      { largest: { toFar: 1400, toStack: 1500 }, silent: true, tcp: { pathMtuDiscovery: 'probe' } },
    );
  });
});
