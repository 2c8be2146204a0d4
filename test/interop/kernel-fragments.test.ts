import { describe, expect, it } from 'vitest';
import { FAR, FAR6, withRouter } from '../support/kernel-router.ts';
import { KERNEL, KERNEL6, STACK, STACK6, STACK_LINK, withStack } from '../support/kernel.ts';
import { canUseTun } from '../support/namespace.ts';
import { pingEach, repeated } from '../support/ping.ts';
import { contentOf } from './fixtures/content.mjs';

const unavailable = canUseTun('bash', 'ping');

/** Sizes of the data of an echo: all of a few bytes, both sides of the edges of fragments, the largest. */
const SIZES = [
  ...Array.from({ length: 10 }, (_, i) => i),
  ...[1232, 1400, 1440, 1448, 1452, 1456, 1464, 1472, 1480, 2880, 2952, 5000].flatMap((n) => [n - 1, n, n + 1]),
  ...Array.from({ length: 32 }, (_, i) => 8000 + 1777 * i),
  65_506,
  65_507,
];

/** The content as text of this many bytes. */
function text(bytes: number): string {
  return contentOf(Math.ceil(bytes / 2))
    .toString('hex')
    .slice(0, bytes);
}

describe.skipIf(unavailable)('fragments between a stack behind TUN and the kernel', () => {
  it.each([
    ['-4', STACK, 1500],
    ['-6', STACK6, 1500],
    ['-6', `${STACK_LINK}%tun0`, 1500],
    ['-4', STACK, 576],
    ['-6', STACK6, 1280],
  ])('[S-007] [S-018] [S-047] ping %s %s of all sizes up to 65,507, MTU %i', async (family, to, mtu) => {
    await withStack(
      async ({ ns }) => {
        expect(await pingEach(ns, SIZES, family, to)).toBe('');
      },
      mtu === 1500 ? {} : { mtu },
    );
  });

  it.each([
    ['-4', STACK],
    ['-6', STACK6],
  ])('[S-007] ping %s %s: 50 echoes of 65,507 bytes, one after the other', async (family, to) => {
    await withStack(async ({ ns }) => {
      expect(await pingEach(ns, repeated(65_507, 50), family, to)).toBe('');
    });
  });

  it.each([1473, 1500, 9000, 60_000, 65_507])(
    '[S-007] [S-037] datagrams of %i bytes, both ways and back',
    async (size) => {
      await withStack(async ({ stack, startKernel }) => {
        const kernel = await startKernel();
        const message = text(size);
        for (const host of [STACK, STACK6, `${STACK_LINK}%tun0`]) {
          expect(await kernel.ask({ do: 'datagram', host, port: 7, text: message })).toEqual({
            event: 'datagram',
            text: message,
          });
        }
        for (const host of [KERNEL, KERNEL6]) {
          expect(await stack.ask({ do: 'datagram', host, port: 7, text: message })).toEqual({
            event: 'datagram',
            text: message,
          });
        }
      });
    },
  );

  it('[S-037] the largest of IPv6, 65,527 bytes, both ways and back', async () => {
    await withStack(async ({ stack, startKernel }) => {
      const kernel = await startKernel();
      const message = text(65_527);
      const answer = { event: 'datagram', text: message };
      expect(await kernel.ask({ do: 'datagram', host: STACK6, port: 7, text: message })).toEqual(answer);
      expect(await stack.ask({ do: 'datagram', host: KERNEL6, port: 7, text: message })).toEqual(answer);
    });
  });
});

describe.skipIf(unavailable)('fragments, and a router with a narrow way out', () => {
  const narrow = { largest: { toFar: 1400, toStack: 1500 }, drops: ['udp-mtu-lowered'] };

  it.each([
    ['IPv4', FAR, 1472],
    ['IPv6', FAR6, 1452],
  ])('[S-052] [S-053] %s: a datagram too big for it is EMSGSIZE, the next go in fragments', async (_, host, size) => {
    await withRouter(async ({ stack, startFar }) => {
      await startFar();
      const ask = { do: 'datagram', host, port: 7, text: text(size) };
      expect(await stack.ask(ask)).toEqual({ event: 'datagram', code: 'EMSGSIZE' });
      expect(await stack.ask(ask)).toEqual({ event: 'datagram', text: ask.text });
      const long = text(60_000);
      expect(await stack.ask({ ...ask, text: long })).toEqual({ event: 'datagram', text: long });
    }, narrow);
  });

  it('[S-007] IPv4: what the router cuts up itself arrives', async () => {
    await withRouter(
      async ({ stack, startFar, far }) => {
        await startFar();
        const long = text(60_000);
        expect(await stack.ask({ do: 'datagram', host: FAR, port: 7, text: long })).toEqual({
          event: 'datagram',
          text: long,
        });
        expect(await pingEach(far, repeated(9000, 5), STACK)).toBe('');
      },
      { ...narrow, drops: [] },
    );
  });

  // It comes for each fragment, and only of the first is it known what it was.
  const told = { ...narrow, drops: ['udp-mtu-lowered', 'icmpv6-quoted-fragment'] };

  it('[S-053] IPv6: "packet too big" is about a fragment, of a datagram or of an echo reply', async () => {
    await withRouter(async ({ stack, startFar, far }) => {
      await startFar();
      const ask = { do: 'datagram', host: FAR6, port: 7, text: text(60_000) };
      expect(await stack.ask(ask)).toEqual({ event: 'datagram', code: 'EMSGSIZE' });
      expect(await stack.ask(ask)).toEqual({ event: 'datagram', text: ask.text });
      expect((await far.run('ping', ['-6', '-q', '-c', '1', '-s', '9000', STACK6])).status).toBe(0);
    }, told);
    await withRouter(async ({ far }) => {
      const pings = await far.run('ping', ['-6', '-q', '-i', '0.2', '-c', '3', '-s', '9000', STACK6]);
      expect(pings.stdout).toContain('3 packets transmitted, 2 received');
    }, told);
  });
});
