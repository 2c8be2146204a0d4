import { describe, expect, it } from 'vitest';
import { KERNEL_ADDRESSES, startLink, TAP, TUN } from '../support/device-scene.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';

// What TUN and TAP devices share with packet sockets is in device-link.test.ts.

const unavailable = canUseTun('ping', 'setpriv', 'unshare', 'sh');
const available = unavailable === undefined;

describe.skipIf(!available).each([TUN, TAP])('a new $kind device', (kind) => {
  it('is set up as asked, and gone when the program has ended', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, kind, { name: 'wire%d', mtu: 1300, queue: 700 });
      expect(fixture.ready).toMatchObject({ name: 'wire0', mtu: 1300, up: true });
      const shown = await ns.ip('address', 'show', 'dev', 'wire0');
      expect(shown).toMatch(/[<,]UP[,>]/);
      expect(shown).toMatch(/mtu 1300 .*qlen 700/);
      expect(shown).toContain('inet 10.7.0.1/24 ');
      expect(shown).toContain('inet6 fd07::1/64 ');
      expect(await fixture.stop()).toBe(0);
      expect(await ns.ip('-brief', 'link')).not.toContain('wire0');
    }));

  it('gets a long queue by default, and stays down when asked to', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, kind, { up: false });
      expect(fixture.ready).toMatchObject({ up: false });
      const shown = await ns.ip('link', 'show', 'dev', kind.device);
      expect(shown).toContain('qlen 4096');
      expect(shown).not.toMatch(/[<,]UP[,>]/);
      expect(await fixture.stop()).toBe(0);
    }));

  it('has the kernel’s IPv6 addresses back when it comes up again', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, kind);
      const { device } = kind;
      const shown = (): Promise<string> => ns.ip('address', 'show', 'dev', device);
      await ns.ip('link', 'set', device, 'down');
      expect(await fixture.next('changed')).toMatchObject({ up: false });
      expect(await shown()).not.toContain('fd07::1');
      await ns.ip('link', 'set', device, 'up');
      expect(await fixture.next('changed')).toMatchObject({ up: true });
      expect(await shown()).toContain('inet6 fd07::1/64 ');
      expect((await ns.run('ping', ['-c', '1', '-W', '5', 'fd07::2'])).status).toBe(0);
      // Too fast for the program to see it down.
      fixture.signal('SIGSTOP');
      await ns.ip('link', 'set', device, 'down');
      await ns.ip('link', 'set', device, 'up');
      expect(await shown()).not.toContain('fd07::1');
      fixture.signal('SIGCONT');
      expect(await fixture.next('changed')).toMatchObject({ up: false });
      expect(await fixture.next('changed')).toMatchObject({ up: true });
      expect(await shown()).toContain('inet6 fd07::1/64 ');
      // The kernel gives up IPv6 where the MTU is too small for it.
      await ns.ip('link', 'set', device, 'mtu', '1000');
      expect(await fixture.next('changed')).toMatchObject({ up: true, mtu: 1000 });
      expect(await shown()).not.toContain('fd07::1');
      await ns.ip('link', 'set', device, 'mtu', '1500');
      expect(await fixture.next('changed')).toMatchObject({ up: true, mtu: 1500 });
      expect(await shown()).toContain('inet6 fd07::1/64 ');
      expect(await fixture.stop()).toBe(0);
    }));

  it('says that IPv6 needs an MTU of 1280', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, kind, { mtu: 1000 });
      const message = `netlink(RTM_NEWADDR) EINVAL ${kind.device}: IPv6 needs an MTU of at least 1280 bytes`;
      expect(fixture.ready).toMatchObject({ event: 'failed', code: 'EINVAL', errno: -22, message });
      expect(await fixture.end()).toBe(1);
    }));

  it('tells of changes without an address of its kernel side', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, kind, { kernelAddresses: [] });
      await ns.ip('link', 'set', kind.device, 'mtu', '1400');
      expect(await fixture.next('changed')).toMatchObject({ up: true, mtu: 1400 });
      expect(await fixture.stop()).toBe(0);
    }));
});

describe.skipIf(!available).each([TUN, TAP])('an existing $kind device', (kind) => {
  const { device } = kind;

  it('keeps what is not asked for, and stays', () =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', device, 'mode', kind.kind);
      await ns.ip('link', 'set', device, 'mtu', '1280', 'txqueuelen', '77');
      await ns.ip('address', 'add', KERNEL_ADDRESSES[0]!, 'dev', device);
      // The first address is there already.
      const fixture = await startLink(ns, kind);
      expect(fixture.ready).toMatchObject({ mtu: 1280, up: false });
      expect(await ns.ip('address', 'show', 'dev', device)).toMatch(
        /mtu 1280 .*qlen 77[^]*10\.7\.0\.1\/24[^]*fd07::1\/64/,
      );
      await ns.ip('link', 'set', device, 'up');
      expect(await fixture.next('changed')).toMatchObject({ up: true });
      expect((await ns.run('ping', ['-c', '1', '-W', '5', '10.7.0.2'])).status).toBe(0);
      expect(await fixture.stop()).toBe(0);
      expect(await ns.ip('-brief', 'link')).toContain(device);
    }));

  it('is brought up or taken down when asked', () =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', device, 'mode', kind.kind);
      const first = await startLink(ns, kind, { up: true });
      expect(first.ready).toMatchObject({ up: true });
      expect(await first.stop()).toBe(0);
      const second = await startLink(ns, kind, { up: false });
      expect(second.ready).toMatchObject({ up: false });
      expect(await second.stop()).toBe(0);
    }));

  it('EBUSY when another program holds it', () =>
    withNamespace(async (ns) => {
      const first = await startLink(ns, kind);
      const second = await startLink(ns, kind);
      expect(second.ready).toMatchObject({
        event: 'failed',
        code: 'EBUSY',
        syscall: 'ioctl(TUNSETIFF)',
        message: `ioctl(TUNSETIFF) EBUSY ${device}: another program holds this device: choose another name`,
      });
      expect(await second.end()).toBe(1);
      expect(await first.ask({ do: 'again', options: kind.options })).toMatchObject({ code: 'EBUSY' });
      expect(await first.stop()).toBe(0);
    }));

  it.each(['of the other mode', 'the loopback'])('EINVAL when it is something else (%s)', (other) =>
    withNamespace(async (ns) => {
      const name = other === 'the loopback' ? 'lo' : 'other0';
      const mode = kind.kind === 'tun' ? 'tap' : 'tun';
      if (name !== 'lo') await ns.ip('tuntap', 'add', name, 'mode', mode);
      const fixture = await startLink(ns, kind, { name });
      expect(fixture.ready).toMatchObject({ event: 'failed', code: 'EINVAL', syscall: 'ioctl(TUNSETIFF)' });
      expect(fixture.ready['message']).toContain(`is not a ${kind.kind.toUpperCase()} device`);
      expect(await fixture.end()).toBe(1);
    }),
  );
});

describe.skipIf(!available).each([TUN, TAP])('without rights, $kind', (kind) => {
  const { device } = kind;
  const powerless = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];

  it('EPERM for root without CAP_NET_ADMIN who makes a device', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, kind, {}, powerless);
      expect(fixture.ready).toMatchObject({
        event: 'failed',
        code: 'EPERM',
        errno: -1,
        syscall: 'ioctl(TUNSETIFF)',
        message:
          `ioctl(TUNSETIFF) EPERM ${device}: making a device needs a right: run as root or with CAP_NET_ADMIN ` +
          `(a container: \`--cap-add NET_ADMIN\`), or let root make it: \`ip tuntap add ${device} mode ${kind.kind} user $USER\``,
      });
      expect(await fixture.end()).toBe(1);
    }));

  it('EPERM for a device that belongs to somebody else', () =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', device, 'mode', kind.kind, 'user', '7');
      const fixture = await startLink(ns, kind, {}, powerless);
      expect(fixture.ready).toMatchObject({ event: 'failed', code: 'EPERM', syscall: 'ioctl(TUNSETIFF)' });
      expect(fixture.ready['message']).toContain(`EPERM ${device}: the device exists and belongs to somebody else: `);
      expect(await fixture.end()).toBe(1);
    }));

  it('a device that was made for this user works without CAP_NET_ADMIN, changing it does not', () =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', device, 'mode', kind.kind, 'user', '0');
      await ns.ip('address', 'add', KERNEL_ADDRESSES[0]!, 'dev', device);
      await ns.ip('link', 'set', device, 'up');
      const fixture = await startLink(ns, kind, { kernelAddresses: [] }, powerless);
      expect(fixture.ready).toMatchObject({ event: 'ready', up: true });
      // The device was up before somebody held it; the kernel takes up to a second to notice (linkwatch).
      expect((await ns.run('ping', ['-c', '1', '-w', '10', '-i', '0.1', '10.7.0.2'])).status).toBe(0);
      expect(await fixture.stop()).toBe(0);
      const greedy = await startLink(ns, kind, { kernelAddresses: [], mtu: 1300 }, powerless);
      expect(greedy.ready).toMatchObject({ event: 'failed', code: 'EPERM', syscall: 'ioctl(SIOCSIFMTU)' });
      expect(await greedy.end()).toBe(1);
    }));

  it('ENOENT without /dev/net/tun', () =>
    withNamespace(async (ns) => {
      const hidden = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /dev/net && exec "$0" "$@"'];
      const fixture = await startLink(ns, kind, {}, hidden);
      expect(fixture.ready).toMatchObject({
        event: 'failed',
        code: 'ENOENT',
        syscall: 'open',
        message:
          'open ENOENT /dev/net/tun: this system has no TUN driver; try `modprobe tun`, ' +
          'and start a container with `--device /dev/net/tun`',
      });
      expect(await fixture.end()).toBe(1);
    }));

  it('EACCES when /dev/net/tun is not for this user', () =>
    withNamespace(async (ns) => {
      const closed = [
        'unshare',
        '-m',
        'sh',
        '-c',
        'mount -t tmpfs none /dev/net && mknod -m 600 /dev/net/tun c 10 200 && ' +
          'exec setpriv --bounding-set=-dac_override --inh-caps=-dac_override --regid 1 --clear-groups --reuid 1 "$0" "$@"',
      ];
      const fixture = await startLink(ns, kind, {}, closed);
      expect(fixture.ready).toMatchObject({ event: 'failed', code: 'EACCES', syscall: 'open' });
      expect(fixture.ready['message']).toContain('let root allow it: `chmod 666 /dev/net/tun`');
      expect(await fixture.end()).toBe(1);
    }));
});

describe.skipIf(!available)('a TAP device', () => {
  it('has an address of its own, another than the kernel, and hears it ask', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, TAP, { kernelAddresses: [KERNEL_ADDRESSES[0]] });
      const ours = fixture.ready['address'] as string;
      // Unicast, locally administered.
      expect(ours).toMatch(/^.[26ae].{10}$/);
      const kernels = /ether (\S+)/.exec(await ns.ip('link', 'show', 'dev', 'tap0'))![1]!.replaceAll(':', '');
      expect(ours).not.toBe(kernels);
      await fixture.ask({ do: 'watch' });
      expect((await ns.run('ping', ['-c', '1', '-W', '5', '10.7.0.2'])).status).toBe(0);
      let frame = await fixture.next('frame');
      while (frame['type'] !== 0x0806) frame = await fixture.next('frame');
      expect(frame).toMatchObject({ length: 42, checksum: 0, segmentSize: 0 });
      expect(frame['head']).toMatch(new RegExp(`^ffffffffffff${kernels}0806`));
      expect(await ns.ip('neighbour', 'show', '10.7.0.2')).toContain(ours.replace(/..(?=.)/g, '$&:'));
      expect(await fixture.stop()).toBe(0);
    }));

  it('has the address that it is given, but not the one of the kernel', () =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', 'tap0', 'mode', 'tap');
      await ns.ip('link', 'set', 'tap0', 'address', '02:00:00:00:00:01');
      const refused = await startLink(ns, TAP, { address: '02:00:00:00:00:01' });
      expect(refused.ready).toMatchObject({
        event: 'failed',
        code: 'ERR_INVALID_ARG_VALUE',
        message: `options.address must be another than the kernel's end of tap0 has, not "02:00:00:00:00:01"`,
      });
      expect(await refused.end()).toBe(1);
      const fixture = await startLink(ns, TAP, { address: '02-AB-00-00-00-02', up: true });
      expect(fixture.ready).toMatchObject({ address: '02ab00000002' });
      expect((await ns.run('ping', ['-c', '1', '-W', '5', '10.7.0.2'])).status).toBe(0);
      expect(await fixture.stop()).toBe(0);
    }));

  it('carries frames with a VLAN tag, both ways, as long as the MTU and the tag', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, TAP);
      const tagged = (mtu: number): string => `ffffffffffff0200000000078100000588b5${'5a'.repeat(mtu)}`;
      const { sent } = await fixture.ask({ do: 'counters' });
      const answer = await fixture.ask({ do: 'send', packets: [tagged(1500)] });
      expect(answer).toMatchObject({ taken: 1, sent: Number(sent) + 1, droppedRefused: 0 });
      await fixture.ask({ do: 'watch' });
      const other = await ns.start('device-link.mjs', [JSON.stringify({ interface: 'tap0', address: 'device' })]);
      const { droppedRefused } = await other.ask({ do: 'send', packets: [tagged(1500)] });
      expect(droppedRefused).toBe(0);
      let frame = await fixture.next('frame');
      while (frame['type'] !== 0x88b5) frame = await fixture.next('frame');
      expect(frame).toMatchObject({ length: 1518 });
      expect(frame['head']).toBe(tagged(42));
      expect(await other.stop()).toBe(0);
      expect(await fixture.stop()).toBe(0);
    }));

  it('passes the link suite, two of them joined by a bridge', () =>
    withNamespace(async (ns) => {
      const fixture = await ns.start('link-suite.mjs', ['tap']);
      expect(fixture.ready.event).toBe('ready');
      expect(await fixture.end()).toBe(0);
      expect(fixture.unread.filter(({ event }) => event !== 'passed')).toEqual([]);
      expect(fixture.unread.length).toBeGreaterThan(10);
    }));
});
