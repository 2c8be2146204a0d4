import { describe, expect, it } from 'vitest';
import type { Namespace } from '../support/namespace.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';

const unavailable = canUseTun('ping', 'nc', 'python3', 'nft');

/** The kernel of one namespace, 10.9.0.1, joined to another, whose address 10.9.0.2 kernel and stack share. */
async function withTwo(fn: (kernel: Namespace, shared: Namespace) => Promise<void>): Promise<void> {
  await withNamespace((kernel) =>
    withNamespace(async (shared) => {
      await kernel.ip('link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', shared.name);
      for (const [ns, address] of [
        [kernel, '10.9.0.1/24'],
        [shared, '10.9.0.2/24'],
      ] as const) {
        await ns.ip('address', 'add', address, 'dev', 'wire');
        await ns.ip('link', 'set', 'wire', 'up');
      }
      await fn(kernel, shared);
    }),
  );
}

/** The rules of docs/raw-socket-link.md: what no program has sent does not leave. */
const RULES = `
table ip usernet {
  chain output {
    type filter hook output priority filter;
    ip saddr 10.9.0.2 meta skuid >= 0 accept
    ip saddr 10.9.0.2 drop
  }
}`;

async function ping(ns: Namespace): Promise<string> {
  return (await ns.run('ping', ['-c', '3', '-i', '0.3', '-W', '2', '10.9.0.2'])).stdout;
}

describe.skipIf(unavailable !== undefined)('rawSocketLink()', () => {
  it('passes the link suite on lo', () =>
    withNamespace(async (ns) => {
      for (const address of ['192.0.2.1/32', '192.0.2.2/32']) await ns.ip('address', 'add', address, 'dev', 'lo');
      const fixture = await ns.start('raw-suite.mjs');
      expect(await fixture.end()).toBe(0);
      expect(fixture.unread.filter(({ event }) => event !== 'passed')).toEqual([{ event: 'done' }]);
      expect(fixture.unread.length).toBeGreaterThan(15);
    }));

  it('shares an address with the kernel, which answers too until it is silenced', () =>
    withTwo(async (kernel, shared) => {
      const fixture = await shared.start('raw-stack.mjs', ['10.9.0.2/24']);
      expect(fixture.ready.event).toBe('ready');
      // Both answer; and the kernel resets what it knows nothing of.
      expect(await ping(kernel)).toContain('DUP!');
      expect(await kernel.run('nc', ['-N', '-w', '3', '10.9.0.2', '7'], { input: 'hello' })).toMatchObject({
        stdout: '',
      });

      expect(await shared.run('nft', ['-f', '-'], { input: RULES })).toMatchObject({ status: 0, stderr: '' });
      const answers = await ping(kernel);
      expect(answers).toMatch(/3 packets transmitted, 3 received, 0% packet loss/);
      expect(answers).not.toContain('DUP!');
      const text = 'x'.repeat(200_000);
      const tcp = await kernel.run('nc', ['-N', '-w', '5', '10.9.0.2', '7'], { input: text });
      expect(tcp.stdout).toBe(text);
      const ask = `
        import socket
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.settimeout(5)
        udp.connect(('10.9.0.2', 7))
        udp.send(b'hello')
        print(udp.recv(100).decode())`;
      const udp = await kernel.run('python3', ['-c', ask.replaceAll('\n        ', '\n')]);
      expect(udp).toMatchObject({ stdout: 'hello\n', stderr: '' });
      expect(await fixture.stop()).toBe(0);
    }));
});
