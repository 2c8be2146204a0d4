import { describe, expect, it } from 'vitest';
import { disableIpv6, PACKET, prepare, startLink, TAP, TUN } from '../support/device-scene.ts';
import type { Scene, SceneOptions } from '../support/kernel.ts';
import { connect, KERNEL, KERNEL6, part, STACK, STACK6, startSide, transfer, withStack } from '../support/kernel.ts';
import type { FixtureEvent, Namespace } from '../support/namespace.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';
import { SERVER, SERVER6, withStackRouter } from '../support/stack-router.ts';

const unavailable = canUseTun('ping', 'python3', 'strace');
const available = unavailable === undefined;

const PORT = 5000;
const BYTES = 10_000_000;
const WHOLE = { checksum: true, tso: 65_535, uso: 65_535 };
const NONE = { checksum: false, tso: 0, uso: 0 };

/** Bulk both ways, checked by its hash. */
async function exchange({ stack, startKernel }: Scene, host: string): Promise<void> {
  const kernel = await startKernel();
  await kernel.ask({ do: 'listen', port: PORT });
  const ends = await connect('stack', { stack, kernel }, { port: PORT, host });
  await transfer(ends.ours, ends.theirs, BYTES);
  await transfer(ends.theirs, ends.ours, BYTES);
  await part(ends);
}

/** Sends datagrams of `size` bytes as one that the kernel need not cut (linux/udp.h: UDP_SEGMENT), the last one shorter. */
async function echoSegmented(ns: Namespace, host: string, size: number, count: number): Promise<void> {
  const script = `
import os, socket
family = socket.AF_INET6 if ':' in '${host}' else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.settimeout(20)
s.setsockopt(17, 103, ${size})
s.connect(('${host}', 7))
sent = os.urandom(${size} * ${count} - 1)
s.send(sent)
back = [s.recv(65535) for _ in range(${count})]
print([len(b) for b in back] == [${size}] * ${count - 1} + [${size - 1}], b''.join(back) == sent)`;
  const { stdout, stderr } = await ns.run('python3', ['-c', script]);
  expect([stderr, stdout]).toEqual(['', 'True True\n']);
}

describe.skipIf(!available).each(['tun', 'tap'] as const)('offload on a %s device', (device) => {
  it.each([
    ['IPv4', KERNEL, 1448, {}],
    ['IPv6', KERNEL6, 1428, {}],
    ['IPv4 without timestamps', KERNEL, 1460, { tcp: { timestamps: false } }],
  ] satisfies [string, string, number, SceneOptions][])(
    'TCP, %s: super-segments both ways, whose size is that of a segment’s payload',
    (_, host, size, options) =>
      withStack(
        async (scene) => {
          await exchange(scene, host);
          expect(await scene.stack.ask({ do: 'segments' })).toMatchObject({
            offload: WHOLE,
            sent: [size],
            received: [size],
          });
          const counters = await scene.stack.ask({ do: 'deviceCounters' });
          expect(counters).toMatchObject({ droppedRefused: 0, droppedUnreadable: 0 });
          expect(counters['sentSuperSegments']).toBeGreaterThan(0);
          expect(counters['receivedSuperSegments']).toBeGreaterThan(0);
        },
        { device, ...options },
      ),
  );

  it('without it, `offload: false`, each segment is a packet', () =>
    withStack(
      async (scene) => {
        await exchange(scene, KERNEL);
        expect(await scene.stack.ask({ do: 'segments' })).toMatchObject({ offload: NONE, sent: [], received: [] });
        const { sent, received, ...others } = await scene.stack.ask({ do: 'deviceCounters' });
        expect(others).toMatchObject({ sentSuperSegments: 0, receivedSuperSegments: 0, droppedUnreadable: 0 });
        expect(sent).toBeGreaterThan(BYTES / 1460);
        expect(received).toBeGreaterThan(BYTES / 1460);
      },
      { device, offload: false },
    ));

  it.each([STACK, STACK6])('UDP to %s: of a super-segment each datagram is delivered and answered alone', (host) =>
    withStack(
      async ({ ns, stack }) => {
        await echoSegmented(ns, host, 1000, 40);
        await echoSegmented(ns, host, 2, 50);
        expect(await stack.ask({ do: 'segments' })).toMatchObject({ sent: [1000, 2], received: [1000, 2] });
      },
      { device },
    ),
  );
});

describe.skipIf(!available)('offload in a VLAN', () => {
  it('TCP between a TAP device and a packet socket, which a bridge joins: super-segments both ways, behind a tag', () =>
    withNamespace(async (ns) => {
      await disableIpv6(ns);
      await prepare(ns, PACKET, { addresses: [] });
      await ns.ip('link', 'add', 'bridge', 'up', 'type', 'bridge');
      await ns.ip('link', 'set', 'veth0', 'master', 'bridge');
      const scene = { vlan: 5, ipv6: false };
      const near = await startSide(ns, 'stack', { ...scene, device: 'tap' });
      await ns.ip('link', 'set', 'tap0', 'master', 'bridge');
      const far = await startSide(ns, 'stack', { ...scene, device: 'far' });
      await far.ask({ do: 'listen', port: PORT });
      const ends = await connect('stack', { stack: near, kernel: far }, { port: PORT });
      await transfer(ends.ours, ends.theirs, BYTES);
      await transfer(ends.theirs, ends.ours, BYTES);
      await part(ends);
      for (const side of [near, far]) {
        expect(await side.ask({ do: 'segments' })).toMatchObject({ sent: [1448], received: [1448] });
        expect(await side.ask({ do: 'deviceCounters' })).toMatchObject({ droppedRefused: 0, droppedUnreadable: 0 });
        expect(await side.stop()).toBe(0);
      }
    }));
});

describe.skipIf(!available).each([TUN, TAP])('the agreement on offload, $kind', (kind) => {
  const { device } = kind;

  /** The requests to the device that make a link, one after the other: TUNSETIFF, TUNSETVNETHDRSZ, TUNSETVNETLE, offers. */
  it.each([
    ['UDP’s super-segments (before Linux 6.2)', '4', { ...WHOLE, uso: 0 }],
    ['super-segments with ECN', '4..5', { ...WHOLE, uso: 0 }],
    ['super-segments', '4..6', { ...NONE, checksum: true }],
    ['any offload', '4..7', NONE],
    ['the order of bytes', '3', NONE],
    ['the length of the header', '2', NONE],
    ['the header', '1', NONE],
  ])('a kernel that does not know %s', (_, refused, offload) =>
    withNamespace(async (ns) => {
      const tracer = ['strace', '-f', '-qq', '-o', '/dev/null', '-P', '/dev/net/tun', '-e', 'trace=ioctl'];
      const fixture = await startLink(ns, kind, {}, [...tracer, '-e', `inject=ioctl:error=EINVAL:when=${refused}`]);
      expect(fixture.ready).toMatchObject({ event: 'ready', name: device, up: true, offload });
      for (const address of ['10.7.0.2', 'fd07::2']) {
        const { stdout } = await ns.run('ping', ['-c', '2', '-i', '0.5', '-s', '1400', address]);
        expect(stdout).toMatch(/2 received/);
      }
      // What was not agreed on is refused, and nothing is made of it.
      const { droppedRefused } = await fixture.ask({ do: 'counters' });
      const answer = await fixture.ask({ do: 'send', packets: ['45'.repeat(60)], checksum: 2, segmentSize: 10 });
      expect(answer).toMatchObject({ taken: 1, droppedRefused: Number(droppedRefused) + 1 });
      // A signal would go to the tracer.
      fixture.hangUp();
      expect(await fixture.end()).toBe(0);
    }),
  );

  it.each([[[]], [['vnet_hdr']]])('a device that somebody else has made (%j)', (flags) =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', device, 'mode', kind.kind, ...flags);
      for (const [offload, agreed] of [
        ['auto', WHOLE],
        [false, NONE],
        ['auto', WHOLE],
      ]) {
        const fixture = await startLink(ns, kind, { up: true, offload });
        expect(fixture.ready).toMatchObject({ event: 'ready', offload: agreed });
        const { stdout } = await ns.run('ping', ['-c', '2', '-i', '0.5', '-w', '20', '10.7.0.2']);
        expect(stdout).toMatch(/2 received/);
        expect(await fixture.stop()).toBe(0);
      }
    }),
  );

  it.each(['auto', false])('a device that a user with other headers has left behind (offload: %j)', (offload) =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', device, 'mode', kind.kind);
      // linux/if_tun.h: TUNSETIFF with IFF_VNET_HDR, TUNSETVNETHDRSZ of 12 bytes, TUNSETOFFLOAD with all of it.
      const flags = 0x4000 | 0x1000 | (kind.kind === 'tap' ? 2 : 1);
      const script = `
import fcntl, struct
f = open('/dev/net/tun', 'r+b', buffering=0)
fcntl.ioctl(f, 0x400454ca, struct.pack('16sH22x', b'${device}', ${flags}))
fcntl.ioctl(f, 0x400454d8, struct.pack('i', 12))
fcntl.ioctl(f, 0x400454d0, 0x0f)`;
      const { status, stderr } = await ns.run('python3', ['-c', script]);
      expect([status, stderr]).toEqual([0, '']);
      const fixture = await startLink(ns, kind, { up: true, offload });
      const { stdout } = await ns.run('ping', ['-c', '2', '-i', '0.5', '-w', '20', '10.7.0.2']);
      expect(stdout).toMatch(/2 received/);
      await fixture.ask({ do: 'watch' });
      const send =
        'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x" * 1000, ("10.7.0.2", 9))';
      expect((await ns.run('python3', ['-c', send])).status).toBe(0);
      const length = 1028 + kind.header;
      let frame: FixtureEvent;
      do frame = await fixture.next('frame');
      while (frame['length'] !== length);
      expect(frame).toMatchObject({ checksum: offload === 'auto' ? 2 : 0, segmentSize: 0 });
      expect(await fixture.stop()).toBe(0);
    }),
  );
});

describe.skipIf(!available)('a stack that forwards between devices with offload and without', () => {
  it.each([
    ['auto', 'auto', SERVER],
    ['auto', false, SERVER],
    [false, 'auto', SERVER],
    ['auto', 'auto', SERVER6],
    ['auto', false, SERVER6],
  ] as const)('from %j to %j, %s: TCP by its hash, and UDP', async (first, second, host) => {
    await withStackRouter(
      async ({ client, router, startServer, startClient }) => {
        const [near, far] = [await startClient(), await startServer()];
        await far.ask({ do: 'listen', port: PORT });
        const { id } = await near.ask({ do: 'connect', port: PORT, host });
        const ends = { ours: { side: near, id }, theirs: { side: far, id: (await far.next('connection'))['id'] } };
        await transfer(ends.ours, ends.theirs, BYTES);
        await transfer(ends.theirs, ends.ours, BYTES);
        await part(ends);
        await echoSegmented(client, host, 1000, 40);
        const { devices } = await router.ask({ do: 'counters' });
        const [left, right] = devices as [Record<string, number>, Record<string, number>];
        const whole = (count: number | undefined): boolean => count! > 0;
        expect({
          in: whole(left['receivedSuperSegments']),
          out: whole(right['sentSuperSegments']),
          back: whole(left['sentSuperSegments']),
        }).toEqual({ in: first === 'auto', out: first === 'auto' && second === 'auto', back: first === second });
        for (const device of [left, right]) expect(device).toMatchObject({ droppedRefused: 0, droppedUnreadable: 0 });
      },
      { offload: [first, second] },
    );
  });
});
