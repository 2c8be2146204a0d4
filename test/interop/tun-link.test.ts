import { describe, expect, it } from 'vitest';
import type { Fixture, Namespace } from '../support/namespace.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';

/** Seconds: ping waits so long for its last reply, however soon the others came, and whatever `-W` says. */
const PATIENTLY = '0.5';
const unavailable = canUseTun('ping', 'setpriv', 'unshare', 'strace', 'sh');

const KERNEL = ['10.7.0.1/24', 'fd07::1/64'];

/** A device `tun0` in a namespace, with the raw fixture behind it. */
async function startLink(
  ns: Namespace,
  options: Record<string, unknown> = {},
  wrapper: readonly string[] = [],
): Promise<Fixture> {
  return ns.start('tun-link.mjs', [JSON.stringify({ name: 'tun0', kernelAddresses: KERNEL, ...options })], wrapper);
}

/** Sends numbered datagrams of `size` bytes from the kernel to port 9 behind the device, as noted by the fixture. */
async function sendDatagrams(ns: Namespace, count: number, size: number): Promise<void> {
  const script = `
    const [count, size] = [${count}, ${size}];
    const socket = require('node:dgram').createSocket({ type: 'udp4', sendBufferSize: 4 << 20 });
    const send = (number) => {
      if (number === count) return socket.close();
      const bytes = Buffer.from(Array.from({ length: size }, (_, i) => (number + i) & 255));
      bytes.writeUInt32BE(number);
      socket.send(bytes, 9, '10.7.0.2', (error) => { if (error) throw error; send(number + 1); });
    };
    send(0);`;
  const { status, stderr } = await ns.run(process.execPath, ['-e', script]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
}

describe.skipIf(unavailable !== undefined)('a TUN device and the kernel', () => {
  it.each([56, 1400])('the kernel pings through it with %i bytes, IPv4 and IPv6', (size) =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns);
      expect(fixture.ready).toMatchObject({ name: 'tun0', mtu: 1500, up: true, medium: 'ip' });
      for (const address of ['10.7.0.2', 'fd07::2']) {
        const { stdout, status } = await ns.run('ping', ['-c', '5', '-i', PATIENTLY, '-s', `${size}`, address]);
        expect(stdout).toMatch(/5 packets transmitted, 5 received/);
        expect(status).toBe(0);
      }
      expect(await fixture.ask({ do: 'counters' })).toMatchObject({
        sent: 10,
        sentBytes: 5 * (size + 28) + 5 * (size + 48),
        droppedDown: 0,
        droppedRefused: 0,
      });
      expect(await fixture.stop()).toBe(0);
    }),
  );

  it('is set up as asked, and gone when the program has ended', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, { name: 'wire%d', mtu: 1300, queue: 700 });
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
      const fixture = await startLink(ns, { up: false });
      expect(fixture.ready).toMatchObject({ up: false });
      const shown = await ns.ip('link', 'show', 'dev', 'tun0');
      expect(shown).toContain('qlen 4096');
      expect(shown).not.toMatch(/[<,]UP[,>]/);
      expect(await fixture.stop()).toBe(0);
    }));

  // 256 rows, and 256 KB of which the last 65,550 bytes stay free.
  it.each([
    { size: 4, largest: 256 },
    { size: 1400, largest: Math.ceil((256 * 1024 - 65_550) / 1432) },
  ])('packets that wait arrive in order, $largest a batch ($size bytes)', ({ size, largest }) =>
    withNamespace(async (ns) => {
      // No router solicitations in between.
      await ns.run('sh', ['-c', 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6']);
      const fixture = await startLink(ns, { kernelAddresses: [KERNEL[0]] });
      const count = 600;
      // The program is stopped, so that all packets wait in the device's queue.
      fixture.signal('SIGSTOP');
      await sendDatagrams(ns, count, size);
      fixture.signal('SIGCONT');
      const { datagrams, batches } = await fixture.ask({ do: 'report', datagrams: count });
      expect(datagrams).toEqual(Array.from({ length: count }, (_, i) => [i, size + 28]));
      expect(Math.max(...(batches as number[]))).toBe(largest);
      expect(await fixture.stop()).toBe(0);
    }),
  );

  it('carries packets of 65,535 bytes whole', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, { mtu: 65_535 });
      fixture.signal('SIGSTOP');
      await sendDatagrams(ns, 9, 65_507);
      fixture.signal('SIGCONT');
      const { datagrams } = await fixture.ask({ do: 'report', datagrams: 9 });
      expect(datagrams).toEqual(Array.from({ length: 9 }, (_, i) => [i, 65_535]));
      expect(await fixture.stop()).toBe(0);
    }));

  it('refused packets are taken and counted', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns);
      // Neither IPv4 nor IPv6.
      const answer = await fixture.ask({ do: 'send', packets: ['00', 'ff'.repeat(40)] });
      expect(answer).toMatchObject({ taken: 2, sent: 0, droppedRefused: 2, droppedDown: 0 });
      expect(await fixture.stop()).toBe(0);
    }));

  it('tells when it goes down, comes up and gets another MTU', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns);
      await ns.ip('link', 'set', 'tun0', 'down');
      expect(await fixture.next('changed')).toMatchObject({ up: false, mtu: 1500 });
      const packet = `45${'00'.repeat(39)}`;
      expect(await fixture.ask({ do: 'send', packets: [packet] })).toMatchObject({ taken: 1, sent: 0, droppedDown: 1 });
      await ns.ip('link', 'set', 'tun0', 'mtu', '1400');
      expect(await fixture.next('changed')).toMatchObject({ up: false, mtu: 1400 });
      await ns.ip('link', 'set', 'tun0', 'up');
      expect(await fixture.next('changed')).toMatchObject({ up: true, mtu: 1400 });
      expect((await ns.run('ping', ['-c', '1', '-W', '5', '10.7.0.2'])).status).toBe(0);
      expect(await fixture.stop()).toBe(0);
    }));

  it('tells once when it is deleted', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns);
      await ns.ip('link', 'delete', 'tun0');
      expect(await fixture.next('closed')).toMatchObject({
        code: 'ENODEV',
        syscall: 'read',
        message: 'read ENODEV tun0: the device was deleted',
        up: false,
      });
      expect(await fixture.ask({ do: 'send', packets: ['45'] })).toMatchObject({ taken: 1, sent: 0 });
      expect(await fixture.ask({ do: 'close' })).toMatchObject({ up: false });
      expect(await fixture.stop()).toBe(0);
      expect(fixture.unread.filter(({ event }) => event === 'closed')).toEqual([]);
    }));

  it('is silent after close, which may be called twice', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns);
      expect(await fixture.ask({ do: 'close' })).toMatchObject({ up: false });
      expect(await ns.ip('-brief', 'link')).not.toContain('tun0');
      expect(await fixture.ask({ do: 'send', packets: ['45'] })).toMatchObject({ taken: 1, sent: 0 });
      expect(await fixture.stop()).toBe(0);
      expect(fixture.unread).toEqual([]);
    }));

  it('waits for room when the device is full', () =>
    withNamespace(async (ns) => {
      // A TUN device is hardly ever full: the tracer makes its third write fail with EAGAIN, once.
      const tracer = ['strace', '-qq', '-o', '/dev/null', '-P', '/dev/net/tun', '-e', 'trace=write'];
      const fixture = await startLink(ns, {}, [...tracer, '-e', 'inject=write:error=EAGAIN:when=3']);
      const { stdout } = await ns.run('ping', ['-c', '5', '-i', PATIENTLY, '10.7.0.2']);
      expect(stdout).toMatch(/5 received/);
      expect(await fixture.next('partial')).toMatchObject({ taken: 0, count: 1 });
      await fixture.next('writable');
      expect(await fixture.ask({ do: 'counters' })).toMatchObject({ sent: 5, droppedRefused: 0 });
      // A signal would go to the tracer.
      fixture.hangUp();
      expect(await fixture.end()).toBe(0);
    }));

  it('survives an exception from its host, which is an uncaught one', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns);
      await fixture.ask({ do: 'throw' });
      const { stdout } = await ns.run('ping', ['-c', '3', '-i', '0.01', '-W', '2', '10.7.0.2']);
      expect(stdout).toMatch(/[12] received/);
      expect(await fixture.next('uncaught')).toMatchObject({ message: 'thrown by receive' });
      expect(await fixture.stop()).toBe(0);
    }));

  it('leaves no file open', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns);
      const { before, after } = await fixture.ask({ do: 'reopen', times: 50, options: { name: 'tun1' } });
      expect(after).toBe(before);
      expect(await fixture.stop()).toBe(0);
    }));

  it('does not keep the process alive while idle', () =>
    withNamespace(async (ns) => {
      const fixture = await ns.start('tun-idle.mjs');
      expect(fixture.ready.event).toBe('ready');
      expect(await fixture.end()).toBe(0);
      expect(await ns.ip('-brief', 'link')).not.toContain('tun0');
    }));

  it.each([
    { manner: 'exit', code: 7, error: null },
    { manner: 'terminate', code: 1, error: null },
    { manner: 'throw', code: 1, error: 'thrown by receive' },
    { manner: 'close', code: 7, error: null },
  ])('12 workers end under traffic ($manner) and leave nothing', ({ manner, code, error }) =>
    withNamespace(async (ns) => {
      const fixture = await ns.start('tun-worker.mjs', [manner, '12']);
      expect(await fixture.end()).toBe(0);
      expect(fixture.unread).toEqual(new Array(12).fill({ event: 'ended', code, error, deviceLeft: false }));
    }),
  );
});

describe.skipIf(unavailable !== undefined)('an existing device', () => {
  it('keeps what is not asked for, and stays', () =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', 'tun0', 'mode', 'tun');
      await ns.ip('link', 'set', 'tun0', 'mtu', '1280', 'txqueuelen', '77');
      await ns.ip('address', 'add', KERNEL[0]!, 'dev', 'tun0');
      // The first address is there already.
      const fixture = await startLink(ns);
      expect(fixture.ready).toMatchObject({ mtu: 1280, up: false });
      expect(await ns.ip('address', 'show', 'dev', 'tun0')).toMatch(
        /mtu 1280 .*qlen 77[^]*10\.7\.0\.1\/24[^]*fd07::1\/64/,
      );
      await ns.ip('link', 'set', 'tun0', 'up');
      expect(await fixture.next('changed')).toMatchObject({ up: true });
      expect((await ns.run('ping', ['-c', '1', '-W', '5', '10.7.0.2'])).status).toBe(0);
      expect(await fixture.stop()).toBe(0);
      expect(await ns.ip('-brief', 'link')).toContain('tun0');
    }));

  it('is brought up or taken down when asked', () =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', 'tun0', 'mode', 'tun');
      const first = await startLink(ns, { up: true });
      expect(first.ready).toMatchObject({ up: true });
      expect(await first.stop()).toBe(0);
      const second = await startLink(ns, { up: false });
      expect(second.ready).toMatchObject({ up: false });
      expect(await second.stop()).toBe(0);
    }));

  it('EBUSY when another program holds it', () =>
    withNamespace(async (ns) => {
      const first = await startLink(ns);
      const second = await startLink(ns);
      expect(second.ready).toMatchObject({
        event: 'failed',
        code: 'EBUSY',
        syscall: 'ioctl(TUNSETIFF)',
        message: 'ioctl(TUNSETIFF) EBUSY tun0: another program holds this device: choose another name',
      });
      expect(await second.end()).toBe(1);
      expect(await first.ask({ do: 'again', options: { name: 'tun0' } })).toMatchObject({ code: 'EBUSY' });
      expect(await first.stop()).toBe(0);
    }));

  it.each(['tap', 'loopback'])('EINVAL when it is something else (%s)', (other) =>
    withNamespace(async (ns) => {
      if (other === 'tap') await ns.ip('tuntap', 'add', 'tap0', 'mode', 'tap');
      const fixture = await startLink(ns, { name: other === 'tap' ? 'tap0' : 'lo' });
      expect(fixture.ready).toMatchObject({ event: 'failed', code: 'EINVAL', syscall: 'ioctl(TUNSETIFF)' });
      expect(fixture.ready['message']).toContain('is not a TUN device');
      expect(await fixture.end()).toBe(1);
    }),
  );
});

describe.skipIf(unavailable !== undefined)('without rights', () => {
  const powerless = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];

  it('EPERM for root without CAP_NET_ADMIN who makes a device', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, {}, powerless);
      expect(fixture.ready).toMatchObject({
        event: 'failed',
        code: 'EPERM',
        errno: -1,
        syscall: 'ioctl(TUNSETIFF)',
        message:
          'ioctl(TUNSETIFF) EPERM tun0: making a device needs a right: run as root or with CAP_NET_ADMIN ' +
          '(a container: `--cap-add NET_ADMIN`), or let root make it: `ip tuntap add tun0 mode tun user $USER`',
      });
      expect(await fixture.end()).toBe(1);
    }));

  it('a device that was made for this user works without CAP_NET_ADMIN, changing it does not', () =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', 'tun0', 'mode', 'tun', 'user', '0');
      await ns.ip('address', 'add', KERNEL[0]!, 'dev', 'tun0');
      await ns.ip('link', 'set', 'tun0', 'up');
      const fixture = await startLink(ns, { kernelAddresses: [] }, powerless);
      expect(fixture.ready).toMatchObject({ event: 'ready', up: true });
      // The device was up before somebody held it; the kernel takes up to a second to notice (linkwatch).
      expect((await ns.run('ping', ['-c', '1', '-w', '10', '-i', '0.1', '10.7.0.2'])).status).toBe(0);
      expect(await fixture.stop()).toBe(0);
      const greedy = await startLink(ns, { kernelAddresses: [], mtu: 1300 }, powerless);
      expect(greedy.ready).toMatchObject({ event: 'failed', code: 'EPERM', syscall: 'ioctl(SIOCSIFMTU)' });
      expect(await greedy.end()).toBe(1);
    }));

  it('ENOENT without /dev/net/tun', () =>
    withNamespace(async (ns) => {
      const hidden = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /dev/net && exec "$0" "$@"'];
      const fixture = await startLink(ns, {}, hidden);
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
      const fixture = await startLink(ns, {}, closed);
      expect(fixture.ready).toMatchObject({ event: 'failed', code: 'EACCES', syscall: 'open' });
      expect(fixture.ready['message']).toContain('let root allow it: `chmod 666 /dev/net/tun`');
      expect(await fixture.end()).toBe(1);
    }));
});

describe.skipIf(unavailable !== undefined)('a TAP device', () => {
  it('carries Ethernet frames, with an address of its own', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, { name: 'tap0', mode: 'tap', kernelAddresses: [KERNEL[0]] });
      expect(fixture.ready).toMatchObject({ medium: 'ethernet', mtu: 1500, up: true });
      const ours = fixture.ready['address'] as string;
      // Unicast, locally administered.
      expect(ours).toMatch(/^.[26ae].{10}$/);
      const kernels = /ether (\S+)/.exec(await ns.ip('link', 'show', 'dev', 'tap0'))![1]!.replaceAll(':', '');
      expect(ours).not.toBe(kernels);
      const ping = ns.run('ping', ['-c', '1', '-W', '1', '10.7.0.2']);
      let frame = await fixture.next('frame');
      while (frame['type'] !== 0x0806) frame = await fixture.next('frame');
      expect(frame).toMatchObject({ length: 42, from: kernels });
      await ping;
      expect(await fixture.stop()).toBe(0);
    }));

  it('passes the link suite, two of them joined by a bridge', () =>
    withNamespace(async (ns) => {
      const fixture = await ns.start('link-suite.mjs');
      expect(fixture.ready.event).toBe('ready');
      expect(await fixture.end()).toBe(0);
      expect(fixture.unread.filter(({ event }) => event !== 'passed')).toEqual([]);
      expect(fixture.unread.length).toBeGreaterThan(10);
    }));
});
