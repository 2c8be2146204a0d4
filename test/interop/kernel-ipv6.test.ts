import { describe, expect, it } from 'vitest';
import { FAR6, withRouter } from '../support/kernel-router.ts';
import { connect, KERNEL, KERNEL6, part, STACK, STACK6, STACK_LINK, transfer, withStack } from '../support/kernel.ts';
import { canUseTun } from '../support/namespace.ts';
import { pingEach, repeated } from '../support/ping.ts';
import { contentHash } from './fixtures/content.mjs';

const unavailable = canUseTun('bash', 'ping', 'curl', 'python3', 'sysctl');

const PORT = 5000;
const BYTES = 3_000_000;
/** Header of IPv6 and TCP, and timestamps. */
const HEADERS = 60;
const TIMESTAMPS = 12;

describe.skipIf(unavailable)('a stack behind TUN and the kernel, over IPv6', () => {
  it.each([
    [STACK6, 56],
    [STACK6, 1440],
    [`${STACK_LINK}%tun0`, 56],
  ])('[S-047] ping %s: 200 requests with %i bytes of payload, all answered', async (to, size) => {
    await withStack(async ({ ns }) => {
      expect(await pingEach(ns, repeated(size, 200), '-6', to)).toBe('');
    });
  });

  it.each(['stack', 'kernel'] as const)('[MUST-2] [MUST-14] bulk both ways; the %s connects', async (client) => {
    await withStack(async ({ stack, startKernel }) => {
      const kernel = await startKernel();
      const server = client === 'stack' ? kernel : stack;
      await server.ask({ do: 'listen', port: PORT, host: '::' });
      const host = client === 'stack' ? KERNEL6 : STACK6;
      const ends = await connect(client, { stack, kernel }, { port: PORT, host });
      await transfer(ends.ours, ends.theirs, BYTES);
      await transfer(ends.theirs, ends.ours, BYTES);
      expect(await stack.ask({ do: 'info', id: ends.ours.id })).toMatchObject({
        mss: 1500 - HEADERS - TIMESTAMPS,
        sack: true,
        timestamps: true,
        bytesReceived: BYTES,
      });
      await part(ends);
    });
  });

  it('a listener on :: takes the kernel’s IPv4 too, and connects to ::ffff:…', async () => {
    await withStack(async ({ stack, startKernel }) => {
      const kernel = await startKernel();
      await stack.ask({ do: 'listen', port: PORT, host: '::' });
      const theirs = await connect('kernel', { stack, kernel }, { port: PORT, host: STACK });
      expect(await stack.ask({ do: 'info', id: theirs.ours.id })).toMatchObject({ mss: 1500 - 40 - TIMESTAMPS });
      await transfer(theirs.theirs, theirs.ours, 100_000);
      await part(theirs);
      await kernel.ask({ do: 'listen', port: PORT });
      const ours = await connect('stack', { stack, kernel }, { port: PORT, host: `::ffff:${KERNEL}` });
      await transfer(ours.ours, ours.theirs, 100_000);
      await part(ours);
    });
  });

  it('curl fetches 10 MB from a node:http server', async () => {
    await withStack(async ({ ns }) => {
      const url = `http://[${STACK6}]/bytes/10000000`;
      const script = `set -o pipefail; curl --silent --show-error --fail '${url}' | sha256sum`;
      const fetched = await ns.run('bash', ['--norc', '-c', script]);
      expect(fetched).toMatchObject({ status: 0, stdout: `${contentHash(10_000_000)}  -\n`, stderr: '' });
    });
  });

  it('datagrams are answered both ways', async () => {
    await withStack(async ({ stack, startKernel }) => {
      const kernel = await startKernel();
      const text = 'x'.repeat(1452);
      for (const host of [STACK6, `${STACK_LINK}%tun0`, STACK]) {
        expect(await kernel.ask({ do: 'datagram', host, port: 7, text })).toEqual({ event: 'datagram', text });
      }
      for (const host of [KERNEL6, KERNEL]) {
        expect(await stack.ask({ do: 'datagram', host, port: 7, text })).toEqual({ event: 'datagram', text });
      }
    });
  });

  it('[S-047] a closed port is ECONNREFUSED, TCP and UDP, both ways', async () => {
    const provoked = { drops: ['udp-no-listener', 'icmpv6-error-sent'] };
    await withStack(async ({ stack, startKernel }) => {
      const kernel = await startKernel();
      for (const [side, host] of [
        [kernel, STACK6],
        [stack, KERNEL6],
      ] as const) {
        const refused = { do: 'datagram', host, port: 9, text: 'anybody there?' };
        expect(await side.ask(refused)).toEqual({ event: 'datagram', code: 'ECONNREFUSED' });
        expect(await side.ask({ do: 'connect', host, port: 9 })).toMatchObject({ code: 'ECONNREFUSED' });
      }
    }, provoked);
  });

  it('[S-045] [S-047] the kernel hears of an option that the stack does not know, and where it stands', async () => {
    const provoked = { drops: ['ipv6-unknown-option', 'icmpv6-error-sent'] };
    await withStack(async ({ ns }) => {
      // IPV6_DSTOPTS with an option of type 0xc5 (discard and report), to the echo port; then the error queue.
      const script = `
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, 25, 1)  # IPV6_RECVERR
s.settimeout(10)
s.connect(('${STACK6}', 7))
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 0, 0xc5, 2, 0, 0, 1, 0]))
s.send(b'hello')
try:
    print('answer', s.recv(100))
except OSError as error:
    print('error', error.errno)
_, ancillary, _, _ = s.recvmsg(100, 1000, socket.MSG_ERRQUEUE)
_, _, found = ancillary[0]
print('type', found[5], 'code', found[6], 'pointer', int.from_bytes(found[8:12], 'little'))
`;
      const { stdout, stderr } = await ns.run('python3', ['-c', script]);
      expect([stdout, stderr]).toEqual(['error 71\ntype 4 code 2 pointer 42\n', '']);
    }, provoked);
  });

  it('[S-053] a router tells what it passes on: both sides follow, and remember it', async () => {
    await withRouter(
      async ({ stack, startFar }) => {
        const kernel = await startFar();
        await kernel.ask({ do: 'listen', port: PORT });
        const to = { port: PORT, host: FAR6 };
        const ends = await connect('stack', { stack, kernel }, to);
        expect(await stack.ask({ do: 'info', id: ends.ours.id })).toMatchObject({ pathMtu: 1500, mss: 1428 });
        await transfer(ends.ours, ends.theirs, BYTES);
        expect(await stack.ask({ do: 'info', id: ends.ours.id })).toMatchObject({
          pathMtu: 1400,
          mss: 1400 - HEADERS - TIMESTAMPS,
          timeouts: 0,
        });
        const again = await connect('stack', { stack, kernel }, to);
        expect(await stack.ask({ do: 'info', id: again.ours.id })).toMatchObject({ pathMtu: 1400 });
        await transfer(again.theirs, again.ours, BYTES);
        await part(again);
        await part(ends);
      },
      { largest: { toFar: 1400, toStack: 1300 }, drops: ['tcp-mtu-lowered', 'tcp-mtu-stale'] },
    );
  });
});
