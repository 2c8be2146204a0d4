import { describe, expect, it } from 'vitest';
import { PATIENTLY } from '../support/kernel.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';
import type { Fixture, Namespace } from '../support/namespace.ts';

const unavailable = canUseTun('ping', 'arping', 'sysctl');

const STACK = '10.7.0.2';
const KERNEL = '10.7.0.1';
const OTHER_MAC = '02:00:00:00:77:77';

interface Scene {
  ns: Namespace;
  stack: Fixture;
}

/** A stack behind a TAP device, and the kernel in front of it. */
async function withTap(play: (scene: Scene) => Promise<void>): Promise<void> {
  await withNamespace(async (ns) => {
    const stack = await ns.start('tap-stack.mjs');
    expect(stack.ready).toEqual({ event: 'ready' });
    await play({ ns, stack });
    expect([await stack.stop(), stack.stderr]).toEqual([0, '']);
  });
}

describe.skipIf(unavailable !== undefined)('ARP between a stack behind TAP and the kernel', () => {
  it('[S-051] nobody there: EHOSTUNREACH after three seconds, as the kernel says it', () =>
    withTap(async ({ stack }) => {
      const { result, milliseconds } = await stack.ask({ do: 'connect', host: '10.7.0.99', port: 80 });
      expect(result).toBe('EHOSTUNREACH');
      expect(milliseconds).toBeGreaterThan(2990);
      expect(milliseconds).toBeLessThan(15_000);
    }));

  it('learns of another hardware address of the kernel’s when it is told', () =>
    withTap(async ({ ns, stack }) => {
      await ns.run('ping', ['-c', '1', STACK]);
      await ns.run('sysctl', ['-qw', 'net.ipv4.conf.tap0.arp_notify=1']);
      await ns.ip('link', 'set', 'dev', 'tap0', 'address', OTHER_MAC);
      await ns.run('arping', ['-U', '-c', '1', '-I', 'tap0', KERNEL]);
      const macs = async (): Promise<string[]> => {
        const { list } = (await stack.ask({ do: 'neighbours' })) as unknown as { list: { mac: string }[] };
        return list.map(({ mac }) => mac);
      };
      await expect.poll(macs, PATIENTLY).toEqual([OTHER_MAC]);
      expect((await ns.run('ping', ['-c', '1', '-W', '5', STACK])).status).toBe(0);
    }));

  it('[S-051] RFC 5227: an address that the kernel has is not taken; one that is free is, and the kernel sees it announced', () =>
    withNamespace(async (ns) => {
      const withAddress = (address: string): string[] => [
        JSON.stringify({ conflictDetection: true, addresses: [`${address}/24`] }),
      ];
      const refused = await ns.start('tap-stack.mjs', withAddress(KERNEL));
      // The event of the conflict comes first, then the failure of `ready`.
      expect([refused.ready.event, (await refused.next('failed'))['code']]).toEqual(['conflict', 'EADDRINUSE']);
      expect(await refused.end()).toBe(1);
      const stack = await ns.start('tap-stack.mjs', withAddress(STACK));
      expect(stack.ready).toEqual({ event: 'ready' });
      expect((await ns.run('arping', ['-D', '-c', '2', '-w', '5', '-I', 'tap0', STACK])).status).toBe(1);
      expect(await stack.stop()).toBe(0);
    }));
});
