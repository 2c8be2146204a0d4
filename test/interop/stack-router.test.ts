import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { setSysctl } from '../support/kernel.ts';
import type { Fixture } from '../support/namespace.ts';
import { canUseTun } from '../support/namespace.ts';
import { pingEach, repeated } from '../support/ping.ts';
import { SERVER, SERVER6, withStackRouter } from '../support/stack-router.ts';
import { contentHash } from './fixtures/content.mjs';

const unavailable = canUseTun('bash', 'ping', 'curl', 'tracepath', 'sysctl');

const NARROW: readonly [number, number] = [1500, 1300];
const BYTES = 3_000_000;
const ZEROS = createHash('sha256').update(new Uint8Array(BYTES)).digest('hex');

/** What is counted where a large packet meets the narrow way. */
const TOO_BIG = [
  'forward-too-big',
  'icmp-error-sent',
  'icmpv6-error-sent',
  'icmp-error-rate-limited',
  'icmpv6-error-rate-limited',
];

/** The kernel between client and stack passes on no word of sizes. */
const SILENCE = `
table inet silence {
  chain forward {
    type filter hook forward priority 0
    icmp type destination-unreachable icmp code frag-needed counter drop
    icmpv6 type packet-too-big counter drop
  }
}`;

describe.skipIf(unavailable)('a stack that forwards between two kernels', () => {
  it.each([SERVER, SERVER6])('ping %s through it', async (host) => {
    await withStackRouter(async ({ client, router }) => {
      expect(await pingEach(client, repeated(1400, 200), host)).toBe('');
      const statistics = await router.ask({ do: 'statistics' });
      expect((statistics['forwarded'] as { packets: number }).packets).toBeGreaterThanOrEqual(400);
    });
  });

  it.each([
    ['4', SERVER, '10.7.0.2'],
    ['6', SERVER6, 'fd07::2'],
  ])('tracepath -%s sees it, and the narrow way behind it', async (family, host, hop) => {
    const provoked = ['forward-time-exceeded', 'forward-too-big', 'icmp-error-sent', 'icmpv6-error-sent'];
    await withStackRouter(
      async ({ client }) => {
        const { stdout } = await client.run('tracepath', [`-${family}`, '-n', '-m', '8', host]);
        expect(stdout).toMatch(new RegExp(`^ 2:\\s+${hop.replaceAll('.', '\\.')}\\s`, 'm'));
        expect(stdout).toMatch(new RegExp(`^ 3:\\s+${hop.replaceAll('.', '\\.')}\\s.*pmtu 1300$`, 'm'));
        expect(stdout).toMatch(new RegExp(`^ 4:\\s+${host.replaceAll('.', '\\.')}\\s.*reached`, 'm'));
        expect(stdout).toMatch(/Resume: pmtu 1300 hops 4 back 4/);
      },
      { mtu: NARROW, drops: provoked },
    );
  });

  it('[S-007] what may be cut up is, where the way is narrow, be it a fragment already', async () => {
    await withStackRouter(
      async ({ client, router }) => {
        expect(await pingEach(client, repeated(4000, 50), '-M', 'dont', SERVER)).toBe('');
        const { forwarded } = await router.ask({ do: 'statistics' });
        // Of the three fragments of each request two are cut in two here; of those of each reply the kernel has done that.
        expect(forwarded).toMatchObject({ packets: 50 * (5 + 5) });
      },
      { mtu: NARROW },
    );
  });

  it.each([SERVER, `[${SERVER6}]`])(
    'curl to and from %s: TCP follows what it is told of the narrow way',
    async (host) => {
      await withStackRouter(
        async ({ client, router, startServer }) => {
          await startServer();
          const curl = `curl --silent --show-error --fail`;
          const post = `${curl} --data-binary @- 'http://${host}/hash'`;
          // First towards the server, where large packets meet the narrow way: from then on it asks for smaller ones.
          const posted = await client.run('bash', ['-c', `head -c ${BYTES} /dev/zero | ${post}`]);
          expect(posted).toMatchObject({ status: 0, stdout: ZEROS, stderr: '' });
          const { drops } = await router.ask({ do: 'statistics' });
          expect((drops as Record<string, number>)['forward-too-big']).toBeGreaterThan(0);
          const get = `set -o pipefail; ${curl} 'http://${host}/bytes/${BYTES}' | sha256sum`;
          const fetched = await client.run('bash', ['-c', get]);
          expect(fetched).toMatchObject({ status: 0, stdout: `${contentHash(BYTES)}  -\n`, stderr: '' });
        },
        { mtu: NARROW, drops: TOO_BIG },
      );
    },
  );

  it('[S-051] between two Ethernet devices: ping, and curl over it, over both families', async () => {
    await withStackRouter(
      async ({ client, router, startServer }) => {
        await startServer();
        const before = await forwardedBytes(router);
        for (const [host, inUrl] of [
          [SERVER, SERVER],
          [SERVER6, `[${SERVER6}]`],
        ] as const) {
          expect(await pingEach(client, repeated(1400, 50), host)).toBe('');
          const get = `set -o pipefail; curl --silent --show-error --fail 'http://${inUrl}/bytes/${BYTES}' | sha256sum`;
          const fetched = await client.run('bash', ['-c', get]);
          expect(fetched).toMatchObject({ status: 0, stdout: `${contentHash(BYTES)}  -\n`, stderr: '' });
        }
        expect((await forwardedBytes(router)) - before).toBeGreaterThan(2 * BYTES);
      },
      { mode: 'tap' },
    );
  });

  it('[S-054] a firewall drops what it tells of the narrow way: TCP of the kernel finds it out', async () => {
    await withStackRouter(
      async ({ client, middle, router, startServer }) => {
        await startServer();
        await setSysctl(client, { tcp_mtu_probing: 1 });
        const loaded = await middle.run('nft', ['-f', '-'], { input: SILENCE });
        expect(loaded).toMatchObject({ status: 0, stderr: '' });
        const post = (host: string) => {
          const curl = `curl --silent --show-error --fail --data-binary @- 'http://${host}/hash'`;
          return client.run('bash', ['-c', `head -c ${BYTES} /dev/zero | ${curl}`]);
        };
        for (const posted of await Promise.all([post(SERVER), post(`[${SERVER6}]`)])) {
          expect(posted).toMatchObject({ status: 0, stdout: ZEROS, stderr: '' });
        }
        // It was told of both, and nobody heard it.
        const { drops } = await router.ask({ do: 'statistics' });
        expect(drops).toMatchObject({
          'forward-too-big': expect.any(Number) as number,
          'icmp-error-sent': expect.any(Number) as number,
          'icmpv6-error-sent': expect.any(Number) as number,
        });
        const { stdout } = await middle.run('nft', ['list', 'table', 'inet', 'silence']);
        expect(stdout.match(/counter packets [1-9]\d* /g)).toHaveLength(2);
        for (const host of [SERVER, SERVER6]) expect(await client.ip('route', 'get', host)).not.toMatch(/\bmtu\b/);
      },
      { mtu: NARROW, drops: TOO_BIG },
    );
  });
});

async function forwardedBytes(router: Fixture): Promise<number> {
  const { forwarded } = await router.ask({ do: 'statistics' });
  return (forwarded as { bytes: number }).bytes;
}
