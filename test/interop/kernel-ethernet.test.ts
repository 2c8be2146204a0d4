import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { disableIpv6, PACKET, prepare } from '../support/device-scene.ts';
import type { Scene, SceneOptions } from '../support/kernel.ts';
import {
  connect,
  KERNEL,
  KERNEL6,
  part,
  PATIENTLY,
  STACK,
  STACK6,
  STACK_LINK,
  startSide,
  transfer,
  withStack,
} from '../support/kernel.ts';
import type { Namespace } from '../support/namespace.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';
import { pingEach, repeated } from '../support/ping.ts';
import { contentHash, contentOf } from './fixtures/content.mjs';

const unavailable = canUseTun('arping', 'bash', 'curl', 'nc', 'ping', 'sha256sum');

const EXAMPLE = fileURLToPath(new URL('../../examples/veth.mjs', import.meta.url));
const PORT = 5000;
const BYTES = 10_000_000;
const OURS = '02:00:00:00:00:07';
/** In the network, and nobody's. */
const NOBODY = '10.7.0.77';

/** The two ways to the kernel on Ethernet, and the kernel's device there. */
const WAYS = [
  { device: 'tap', kernelDevice: 'tap0' },
  { device: 'veth', kernelDevice: 'veth1' },
] as const;

/** The kernel's neighbour at an address: its state and hardware address, as `ip neighbour` shows them. */
async function neighbour(ns: Namespace, address: string): Promise<string> {
  return (await ns.ip('neighbour', 'show', address)).trim();
}

/** Between the ends of a veth pair packets that two processors handle overtake each other: an ACK that is late is dropped (PAWS). */
const OVERTAKEN = { tap: [], veth: ['tcp-paws'] };

describe.skipIf(unavailable !== undefined).each(WAYS)(
  'a stack on $device and the kernel',
  ({ device, kernelDevice }) => {
    const play = (act: (scene: Scene) => Promise<void>, options: SceneOptions = {}): Promise<void> =>
      withStack(act, { device, address: OURS, ipv6: false, drops: OVERTAKEN[device], ...options });

    const play6 = (act: (scene: Scene) => Promise<void>): Promise<void> => play(act, { ipv6: true });

    it.each([0, 1, 18, 56, 1471, 1472])('[S-018] ping: 200 requests with %i bytes of payload, 0 % loss', (size) =>
      play(async ({ ns }) => {
        expect(await pingEach(ns, repeated(size, 200), STACK)).toBe('');
        expect(await neighbour(ns, STACK)).toContain(`lladdr ${OURS}`);
      }),
    );

    it.each([1473, 8000, 65_507])('ping: 20 requests with %i bytes, in fragments both ways', (size) =>
      play(async ({ ns }) => {
        expect(await pingEach(ns, repeated(size, 20), STACK)).toBe('');
      }),
    );

    it('arping: each question is answered once, from our address', () =>
      play(async ({ ns }) => {
        const { status, stdout } = await ns.run('arping', ['-c', '3', '-w', '10', '-I', kernelDevice, STACK]);
        expect(stdout.match(new RegExp(`reply from ${STACK.replaceAll('.', '\\.')} \\[${OURS}\\]`, 'gi'))).toHaveLength(
          3,
        );
        expect(stdout).toContain('Received 3 response(s)');
        expect(status).toBe(0);
        // Duplicate address detection of the kernel's side (RFC 5227 §2.1.1): taken, and free.
        const probe = ['-D', '-c', '2', '-w', '3', '-I', kernelDevice];
        expect((await ns.run('arping', [...probe, STACK])).status).toBe(1);
        expect((await ns.run('arping', [...probe, NOBODY])).status).toBe(0);
      }));

    it('curl fetches and posts 10 MB', () =>
      play(async ({ ns }) => {
        const script = `set -o pipefail; curl --silent --show-error --fail http://${STACK}/bytes/${BYTES} | sha256sum`;
        const fetched = await ns.run('bash', ['--norc', '-c', script]);
        expect(fetched).toMatchObject({ status: 0, stdout: `${contentHash(BYTES)}  -\n`, stderr: '' });
        const post = ['--silent', '--show-error', '--fail', '--data-binary', '@-', `http://${STACK}/hash`];
        const posted = await ns.run('curl', post, { input: contentOf(BYTES) });
        expect(posted).toMatchObject({ status: 0, stdout: contentHash(BYTES), stderr: '' });
      }));

    it.each(['stack', 'kernel'] as const)('bulk both ways; the %s connects', (client) =>
      play(async ({ stack, startKernel }) => {
        const kernel = await startKernel();
        await (client === 'stack' ? kernel : stack).ask({ do: 'listen', port: PORT });
        const ends = await connect(client, { stack, kernel }, { port: PORT });
        await transfer(ends.ours, ends.theirs, BYTES);
        await transfer(ends.theirs, ends.ours, BYTES);
        expect(await stack.ask({ do: 'info', id: ends.ours.id })).toMatchObject({ mss: 1448, bytesReceived: BYTES });
        await part(ends);
      }),
    );

    it('datagrams are answered both ways', () =>
      play(async ({ stack, startKernel }) => {
        const kernel = await startKernel();
        for (const text of ['', 'x', 'x'.repeat(1472), 'x'.repeat(1473), 'x'.repeat(65_507)]) {
          expect(await kernel.ask({ do: 'datagram', host: STACK, port: 7, text })).toEqual({ event: 'datagram', text });
          expect(await stack.ask({ do: 'datagram', host: KERNEL, port: 7, text })).toEqual({ event: 'datagram', text });
        }
      }));

    it.each([
      [STACK6, 56],
      [STACK6, 1452],
      [STACK6, 65_487],
      [`${STACK_LINK}%${kernelDevice}`, 56],
    ])('[S-047] ping %s: 50 requests with %i bytes of payload, all answered', (to, size) =>
      play6(async ({ ns }) => {
        expect(await pingEach(ns, repeated(size, 50), '-6', to)).toBe('');
        expect(await neighbour(ns, to.replace(/%.*/, ''))).toContain(`lladdr ${OURS}`);
      }),
    );

    it('curl fetches 10 MB over IPv6; bulk both ways; datagrams', () =>
      play6(async ({ ns, stack, startKernel }) => {
        const url = `http://[${STACK6}]/bytes/${BYTES}`;
        const script = `set -o pipefail; curl --silent --show-error --fail '${url}' | sha256sum`;
        const fetched = await ns.run('bash', ['--norc', '-c', script]);
        expect(fetched).toMatchObject({ status: 0, stdout: `${contentHash(BYTES)}  -\n`, stderr: '' });
        const kernel = await startKernel();
        await kernel.ask({ do: 'listen', port: PORT, host: '::' });
        const ends = await connect('stack', { stack, kernel }, { port: PORT, host: KERNEL6 });
        await transfer(ends.ours, ends.theirs, BYTES);
        await transfer(ends.theirs, ends.ours, BYTES);
        await part(ends);
        const text = 'x'.repeat(1452);
        expect(await kernel.ask({ do: 'datagram', host: STACK6, port: 7, text })).toEqual({ event: 'datagram', text });
        expect(await stack.ask({ do: 'datagram', host: KERNEL6, port: 7, text })).toEqual({ event: 'datagram', text });
      }));

    it('nobody answers for an address: EHOSTUNREACH', () =>
      play(
        async ({ stack }) => {
          expect(await stack.ask({ do: 'connect', host: NOBODY, port: 9 })).toMatchObject({ code: 'EHOSTUNREACH' });
        },
        { drops: ['neighbour-unreachable', 'tcp-icmp-no-socket'] },
      ));
  },
);

describe.skipIf(unavailable !== undefined)('stacks on a veth pair', () => {
  it('the example of docs/devices.md says hello', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET, { addresses: ['10.7.0.1/24'] });
      const example = ns.spawn(process.execPath, [EXAMPLE]);
      const [said] = (await once(example.stdout, 'data')) as [Buffer];
      expect(`${said}`).toContain('try: ');
      expect(await ns.run('nc', [STACK, '7'])).toMatchObject({ status: 0, stdout: 'hello 10.7.0.1\n', stderr: '' });
      example.kill('SIGINT');
      expect(await once(example, 'exit')).toEqual([0, null]);
    }));

  it('segments that were not cut arrive whole', () =>
    withStack(
      async ({ stack, startKernel }) => {
        const kernel = await startKernel();
        await stack.ask({ do: 'listen', port: PORT });
        const ends = await connect('kernel', { stack, kernel }, { port: PORT });
        await transfer(ends.theirs, ends.ours, BYTES);
        const { received, receivedBytes } = await stack.ask({ do: 'deviceCounters' });
        expect(Number(receivedBytes) / Number(received)).toBeGreaterThan(2 * 1514);
        expect(Number(receivedBytes)).toBeGreaterThan(BYTES);
        await part(ends);
      },
      { device: 'veth', ipv6: false },
    ));

  it('one that takes the place of another tells all: the kernel turns to its card at once', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET, { addresses: ['10.7.0.1/24'] });
      for (const address of [OURS, '02:00:00:00:00:08']) {
        const stack = await startSide(ns, 'stack', { device: 'veth', address, ipv6: false });
        // The second one is not asked for: the kernel believes to know who this is.
        if (address === OURS) expect((await ns.run('ping', ['-c', '1', '-W', '5', STACK])).status).toBe(0);
        await expect.poll(() => neighbour(ns, STACK), PATIENTLY).toContain(`lladdr ${address}`);
        expect((await ns.run('ping', ['-c', '1', '-W', '5', STACK])).status).toBe(0);
        expect([await stack.stop(), stack.stderr]).toEqual([0, '']);
      }
    }));

  it('in a VLAN talk in tagged frames, and to nobody else', () =>
    withNamespace(async (ns) => {
      await disableIpv6(ns);
      await prepare(ns, PACKET, { addresses: [] });
      const near = await startSide(ns, 'stack', { device: 'veth', vlan: 5, ipv6: false });
      const far = await startSide(ns, 'stack', { device: 'far', vlan: 5, ipv6: false });
      const answered = { event: 'datagram', text: 'x'.repeat(1472) };
      expect(await near.ask({ do: 'datagram', host: KERNEL, port: 7, text: answered.text })).toEqual(answered);
      expect(await far.ask({ do: 'datagram', host: STACK, port: 7, text: answered.text })).toEqual(answered);
      expect([await far.stop(), far.stderr]).toEqual([0, '']);
      const untagged = await startSide(ns, 'stack', { device: 'far', ipv6: false });
      expect(await untagged.ask({ do: 'connect', host: STACK, port: 7 })).toMatchObject({ code: 'EHOSTUNREACH' });
      for (const stack of [untagged, near]) expect([await stack.stop(), stack.stderr]).toEqual([0, '']);
    }));
});

describe.skipIf(unavailable !== undefined).each(WAYS)('a switch with a port to the kernel ($device)', ({ device }) => {
  it('has several hosts on one wire: each is pinged, and fetches and posts', () =>
    withNamespace(async (ns) => {
      await disableIpv6(ns);
      if (device === 'veth') await prepare(ns, PACKET, { addresses: ['10.7.0.1/24'] });
      const fixture = await ns.start('switch.mjs', [device]);
      expect(fixture.ready).toEqual({ event: 'ready' });
      const hosts = [STACK, '10.7.0.3'];
      for (const host of hosts) {
        expect(await pingEach(ns, repeated(56, 100), host)).toBe('');
        const script = `set -o pipefail; curl --silent --show-error --fail http://${host}/bytes/1000000 | sha256sum`;
        const fetched = await ns.run('bash', ['--norc', '-c', script]);
        expect(fetched).toMatchObject({ status: 0, stdout: `${contentHash(1_000_000)}  -\n`, stderr: '' });
        // Out of a veth come uncut segments with unfinished checksums: the switch does what a card would have done.
        const post = ['--silent', '--show-error', '--fail', '--data-binary', '@-', `http://${host}/hash`];
        const posted = await ns.run('curl', post, { input: contentOf(1_000_000) });
        expect(posted).toMatchObject({ status: 0, stdout: contentHash(1_000_000), stderr: '' });
      }
      const cards = await Promise.all(hosts.map((host) => neighbour(ns, host)));
      expect(cards[0]!.split(' ')[4]).not.toBe(cards[1]!.split(' ')[4]);
      expect([await fixture.stop(), fixture.stderr]).toEqual([0, '']);
    }));
});
