import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Ipv6AddressInfo } from '../../src/index.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';
import type { Fixture, Namespace } from '../support/namespace.ts';
import { pingEach, repeated } from '../support/ping.ts';

const unavailable = canUseTun('bash', 'ping', 'radvd', 'ndisc6', 'sysctl');

const KERNEL = 'fd07::1';
const radvdConfig = (device: string): string => `
interface ${device} {
  AdvSendAdvert on;
  MinRtrAdvInterval 3; MaxRtrAdvInterval 4;
  AdvCurHopLimit 55; AdvDefaultPreference high; AdvLinkMTU 1400; AdvDefaultLifetime 600;
  prefix fd07::/64 { AdvOnLink on; AdvAutonomous on; AdvValidLifetime 3600; AdvPreferredLifetime 1800; };
  route fd09::/48 { AdvRoutePreference low; AdvRouteLifetime 300; };
  RDNSS fd07::53 { AdvRDNSSLifetime 300; };
  DNSSL example.com lan { AdvDNSSLLifetime 300; };
};`;

interface State {
  addresses: Ipv6AddressInfo[];
  routes: string[];
  dns: string[];
  conflicts: { address: string; kept: boolean }[];
  neighbours: { address: string; mac: string; state: string; router: boolean }[];
  mac: string;
  drops: Record<string, number>;
}

/** A namespace with a stack on a TAP device; `fn` finds both up. */
async function withHost(
  options: object,
  fn: (ns: Namespace, host: Fixture) => Promise<void>,
  kernelAddresses: string[] = [`${KERNEL}/64`],
): Promise<void> {
  await withNamespace(async (ns) => {
    // radvd wants a router; the kernel's own addresses are usable at once.
    await ns.run('sysctl', ['-q', '-w', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.default.accept_dad=0']);
    const host = await ns.start('ndp-host.mjs', [JSON.stringify(options), JSON.stringify(kernelAddresses)]);
    await fn(ns, host);
    expect(await host.stop()).toBe(0);
  });
}

/** What the stack has come to when it uses addresses of these origins. */
async function stateWith(host: Fixture, ...origins: string[]): Promise<State> {
  return (await host.ask({ do: 'addresses', origins })) as unknown as State;
}

/** The address of one origin, without its prefix length. */
function ownOf({ addresses }: State, origin: string): string {
  return addresses.find((own) => own.origin === origin && own.state === 'preferred')!.address.split('/')[0]!;
}

/** radvd runs on the kernel's end while `fn` does. */
async function withRadvd(ns: Namespace, fn: () => Promise<void>, device: string = 'tap0'): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'usernet-radvd-'));
  writeFileSync(join(folder, 'radvd.conf'), radvdConfig(device));
  const radvd = ns.spawn('radvd', [
    '--nodaemon',
    '--logmethod=stderr',
    '--username=root',
    `--config=${join(folder, 'radvd.conf')}`,
    `--pidfile=${join(folder, 'radvd.pid')}`,
  ]);
  try {
    await fn();
  } finally {
    radvd.kill('SIGTERM');
    rmSync(folder, { recursive: true });
  }
}

/** A namespace with a bridge, where the kernel is at fd07::1; on it are tap0, for a stack, and eth0 of a third host. */
async function withBridge(fn: (ns: Namespace, third: Namespace) => Promise<void>): Promise<void> {
  await withNamespace((ns) =>
    withNamespace(async (third) => {
      await ns.run('sysctl', ['-q', '-w', 'net.ipv6.conf.all.forwarding=1']);
      for (const each of [ns, third]) await each.run('sysctl', ['-q', '-w', 'net.ipv6.conf.default.accept_dad=0']);
      await ns.ip('link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
      await ns.ip('-6', 'addr', 'add', `${KERNEL}/64`, 'dev', 'br0', 'nodad');
      await ns.ip('link', 'add', 'third', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', third.name);
      await ns.ip('tuntap', 'add', 'tap0', 'mode', 'tap');
      for (const port of ['third', 'tap0']) await ns.ip('link', 'set', port, 'master', 'br0', 'up');
      await ns.ip('link', 'set', 'br0', 'up');
      await third.ip('link', 'set', 'eth0', 'up');
      await fn(ns, third);
    }),
  );
}

describe.skipIf(unavailable)('a stack on TAP and the kernel as its IPv6 neighbour', () => {
  it('[S-049] RFC 4861: each finds the other; ndisc6 and ping are answered, also by link-local address', async () => {
    await withHost({ addresses: ['fd07::2/64'] }, async (ns, host) => {
      const state = await stateWith(host, 'link-local');
      const own = ownOf(state, 'link-local');
      for (const address of ['fd07::2', own]) {
        const asked = await ns.run('ndisc6', ['-q', address, 'tap0']);
        expect(asked).toMatchObject({ status: 0, stdout: `${state.mac.toUpperCase()}\n` });
      }
      for (const address of ['fd07::2', `${own}%tap0`]) {
        expect(await pingEach(ns, repeated(1000, 50), '-6', address)).toBe('');
      }
      expect(await ns.ip('-6', 'neigh', 'show', 'fd07::2')).toContain(state.mac);
      const { neighbours } = (await host.ask({ do: 'state' })) as unknown as State;
      expect(neighbours.find(({ address }) => address === KERNEL)).toMatchObject({ mac: expect.any(String) as string });
    });
  });

  it('[S-049] RFC 4861, 4862, 4191, 8106: radvd gives it addresses, routes and name servers', async () => {
    await withHost({ autoconfiguration: { temporary: true } }, async (ns, host) => {
      await withRadvd(ns, async () => {
        const state = await stateWith(host, 'link-local', 'stable', 'temporary');
        const kernel = /inet6 (fe80::[^/]+)/.exec(await ns.ip('-6', 'addr', 'show', 'dev', 'tap0'))![1]!;
        expect(state.routes).toEqual(
          expect.arrayContaining([
            'fd07::/64 on link advertised',
            `fd09::/48 ${kernel} advertised`,
            `::/0 ${kernel} advertised`,
          ]),
        );
        expect(state.dns).toEqual(['fd07::53', 'example.com', 'lan']);
        const stable = ownOf(state, 'stable');
        expect(await pingEach(ns, repeated(56, 20), '-6', stable)).toBe('');
      });
    });
  });

  it('[S-049] RFC 4861 §6.2.6: rdisc6 on a third host hears of radvd what the stack does, and nothing of the stack', async () => {
    await withBridge(async (ns, third) => {
      await withRadvd(
        ns,
        async () => {
          const host = await ns.start('ndp-host.mjs', [JSON.stringify({ autoconfiguration: true })]);
          const state = await stateWith(host, 'link-local', 'stable');
          const router = /inet6 (fe80::[^/]+)/.exec(await ns.ip('-6', 'addr', 'show', 'dev', 'br0'))![1]!;
          const asked = await third.run('rdisc6', ['-1', '-n', 'eth0']);
          expect(asked.status).toBe(0);
          for (const said of [
            /^Hop limit +: +55 /m,
            /^Router preference +: +high$/m,
            /^ Prefix +: fd07::\/64$/m,
            /^ Route +: fd09::\/48$/m,
            /^ Recursive DNS server +: fd07::53$/m,
            new RegExp(`^ from ${router}$`, 'm'),
          ])
            expect(asked.stdout).toMatch(said);
          expect(state.routes).toContain(`::/0 ${router} advertised`);
          const stable = ownOf(state, 'stable');
          expect(stable).toMatch(/^fd07::/);
          const found = await third.run('ndisc6', ['-q', '-n', stable, 'eth0']);
          expect(found).toMatchObject({ status: 0, stdout: `${state.mac.toUpperCase()}\n` });
          // A host says nothing to who asks it for routers.
          const ignored = async (): Promise<number> =>
            ((await host.ask({ do: 'state' })) as unknown as State).drops['ndp-router-solicitation-ignored'] ?? 0;
          const before = await ignored();
          const own = ownOf(state, 'link-local');
          const silence = await third.run('rdisc6', ['-n', '-r', '1', '-w', '500', own, 'eth0']);
          expect(silence).toMatchObject({ status: 2, stdout: expect.stringContaining('No response') as string });
          expect(await ignored()).toBe(before + 1);
          expect(await host.stop()).toBe(0);
        },
        'br0',
      );
    });
  });

  it('[S-049] RFC 4862 §5.4: an address that the kernel has is found out, and not used', async () => {
    await withNamespace(async (ns) => {
      // In use beyond doubt: two that try an address at the same time both lose it.
      await ns.ip('tuntap', 'add', 'tap0', 'mode', 'tap');
      await ns.ip('-6', 'addr', 'add', `${KERNEL}/64`, 'dev', 'tap0', 'nodad');
      await ns.ip('link', 'set', 'tap0', 'up');
      const options = { addresses: [`${KERNEL}/64`], conflictDetection: true };
      const host = await ns.start('ndp-host.mjs', [JSON.stringify(options)]);
      const { addresses, conflicts } = (await host.ask({ do: 'state' })) as unknown as State;
      expect(conflicts).toEqual([{ address: KERNEL, kept: false }]);
      expect(addresses).toContainEqual(expect.objectContaining({ address: `${KERNEL}/64`, state: 'duplicate' }));
      expect(await host.stop()).toBe(0);
    });
  });

  it('[S-049] RFC 4862 §5.4.3: the kernel finds out an address that the stack has', async () => {
    await withHost({ addresses: ['fd07::2/64'], conflictDetection: true }, async (ns) => {
      await ns.run('sysctl', ['-q', '-w', 'net.ipv6.conf.tap0.accept_dad=1']);
      await ns.ip('-6', 'addr', 'add', 'fd07::2/64', 'dev', 'tap0');
      let shown = '';
      for (let n = 0; n < 100 && !shown.includes('dadfailed'); n++) {
        shown = await ns.ip('-6', 'addr', 'show', 'dev', 'tap0');
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(shown).toMatch(/fd07::2\/64 .*dadfailed/);
    });
  });
});
