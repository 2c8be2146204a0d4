import { describe, expect, it } from 'vitest';
import { PACKET, prepare, startLink, waitForState } from '../support/device-scene.ts';
import type { Fixture, FixtureEvent } from '../support/namespace.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';

// What packet sockets share with TUN and TAP devices is in device-link.test.ts.

const unavailable = canUseTun('ping', 'setpriv', 'python3', 'tc', 'strace', 'sh');

/** IEEE 802: the types set aside for local experiments. */
const EXPERIMENT = 0x88b5;
const VLAN5 = '81000005';
const OURS = '02:00:00:00:00:07';
const ours = OURS.replaceAll(':', '');
const BROADCAST = 'ffffffffffff';
const SOMEBODY = '0200000000aa';

/** The next frame of a type that the fixture tells of. */
async function nextFrame(fixture: Fixture, type: number): Promise<FixtureEvent> {
  let next = await fixture.next('frame');
  while (next['type'] !== type) next = await fixture.next('frame');
  return next;
}

/** An experimental frame in hex. */
function frame(destination: string, payload: string, tag = ''): string {
  return `${destination}${SOMEBODY}${tag}88b5${payload.padEnd(92, '0')}`;
}

describe.skipIf(unavailable !== undefined)('a packet socket', () => {
  it('passes the link suite, at both ends of a veth pair', () =>
    withNamespace(async (ns) => {
      const fixture = await ns.start('link-suite.mjs', ['packet']);
      expect(fixture.ready.event).toBe('ready');
      expect(await fixture.end()).toBe(0);
      expect(fixture.unread.filter(({ event }) => event !== 'passed')).toEqual([]);
      expect(fixture.unread.length).toBeGreaterThan(10);
    }));

  it('has a random address of its own by default, the given one, or the card’s', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      const cards = /ether (\S+)/.exec(await ns.ip('link', 'show', 'dev', 'veth0'))![1]!.replaceAll(':', '');
      const addresses: unknown[] = [];
      for (const options of [{}, { address: OURS }, { address: 'device' }]) {
        const fixture = await startLink(ns, PACKET, options);
        addresses.push(fixture.ready['address']);
        const promiscuous = /promiscuity (\d+)/.exec(await ns.ip('-details', 'link', 'show', 'veth0'))![1];
        expect(promiscuous).toBe('address' in options && options.address === 'device' ? '0' : '1');
        expect((await ns.run('ping', ['-c', '1', '-W', '5', '10.7.0.2'])).status).toBe(0);
        expect(await ns.ip('neighbour', 'flush', 'all')).toBe('');
        expect(await fixture.stop()).toBe(0);
      }
      expect(addresses[0]).toMatch(/^.[26ae].{10}$/);
      expect(addresses).toEqual([addresses[0], ours, cards]);
      expect(addresses[0]).not.toBe(cards);
    }));

  it('takes frames to its address and to groups, not those of others, nor what the kernel sends from there', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      const fixture = await startLink(ns, PACKET, { address: OURS });
      await fixture.ask({ do: 'watch' });
      const far = await startLink(ns, PACKET, { interface: 'veth1' });
      // A socket on the same card sends: for the card that is going out, as the kernel's own traffic is.
      const near = await startLink(ns, PACKET, { interface: 'veth0' });
      await near.ask({ do: 'send', packets: [frame(ours, '01'), frame(BROADCAST, '02')] });
      const group = '01005e000001';
      await far.ask({
        do: 'send',
        packets: [frame(ours, '03'), frame('020000000008', '04'), frame(group, '05'), frame(BROADCAST, '06')],
      });
      const heard: string[] = [];
      while (heard.length < 3) heard.push(String((await nextFrame(fixture, EXPERIMENT))['head']));
      expect(heard.map((head) => head.slice(0, 30))).toEqual(
        [frame(ours, '03'), frame(group, '05'), frame(BROADCAST, '06')].map((hex) => hex.slice(0, 30)),
      );
      for (const one of [near, far, fixture]) expect(await one.stop()).toBe(0);
    }));

  it('takes frames to all, but still not what goes out, when it is promiscuous', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      const fixture = await startLink(ns, PACKET, { address: 'device', promiscuous: true });
      expect(await ns.ip('-details', 'link', 'show', 'veth0')).toContain('promiscuity 1');
      await fixture.ask({ do: 'watch' });
      const far = await startLink(ns, PACKET, { interface: 'veth1' });
      const near = await startLink(ns, PACKET, { interface: 'veth0' });
      await near.ask({ do: 'send', packets: [frame(ours, '01')] });
      await far.ask({ do: 'send', packets: [frame('020000000008', '02'), frame(BROADCAST, '03')] });
      expect(await nextFrame(fixture, EXPERIMENT)).toMatchObject({ head: frame('020000000008', '02').slice(0, 120) });
      expect(await nextFrame(fixture, EXPERIMENT)).toMatchObject({ head: frame(BROADCAST, '03').slice(0, 120) });
      for (const one of [near, far, fixture]) expect(await one.stop()).toBe(0);
    }));

  it('puts back the VLAN tag that the kernel has taken out, and sends tagged frames', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      const fixture = await startLink(ns, PACKET, { address: OURS });
      await fixture.ask({ do: 'watch' });
      const far = await startLink(ns, PACKET, { interface: 'veth1' });
      const single = frame(ours, '01', VLAN5);
      const double = frame(ours, '02', `88a8e123${VLAN5}`);
      const longest = frame(ours, '5a'.repeat(1500), VLAN5);
      const answer = await far.ask({ do: 'send', packets: [single, double, longest] });
      expect(answer).toMatchObject({ taken: 3, droppedRefused: 0 });
      expect(await nextFrame(fixture, EXPERIMENT)).toMatchObject({
        length: single.length / 2,
        head: single.slice(0, 120),
      });
      // 802.1ad in front of 802.1Q.
      expect(await nextFrame(fixture, 0x88a8)).toMatchObject({ length: double.length / 2, head: double.slice(0, 120) });
      expect(await nextFrame(fixture, EXPERIMENT)).toMatchObject({ length: 1518, head: longest.slice(0, 120) });
      for (const one of [far, fixture]) expect(await one.stop()).toBe(0);
    }));

  it('marks checksums that the kernel has left to the card', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      const fixture = await startLink(ns, PACKET);
      await fixture.ask({ do: 'watch' });
      // ICMP's are complete, UDP's are not: it never was on a wire.
      await ns.run('ping', ['-c', '1', '-W', '5', '10.7.0.2']);
      const { status } = await ns.run('python3', [
        '-c',
        'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x" * 1000, ("10.7.0.2", 9))',
      ]);
      expect(status).toBe(0);
      const echo = await nextFrame(fixture, 0x0800);
      expect(echo).toMatchObject({ length: 98, checksum: 0, segmentSize: 0 });
      const datagram = await nextFrame(fixture, 0x0800);
      expect(datagram).toMatchObject({ length: 1042, checksum: 2, segmentSize: 0 });
      expect(await fixture.stop()).toBe(0);
    }));

  it('takes segments that were not cut whole, with their size', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      const fixture = await startLink(ns, PACKET);
      await fixture.ask({ do: 'watch' });
      // linux/udp.h: UDP_SEGMENT; a veth pair carries what a card would cut.
      const { status, stderr } = await ns.run('python3', [
        '-c',
        'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(17, 103, 1000); ' +
          's.sendto(b"x" * 40500, ("10.7.0.2", 9))',
      ]);
      expect(stderr).toBe('');
      expect(status).toBe(0);
      const datagram = await nextFrame(fixture, 0x0800);
      expect(datagram).toMatchObject({ length: 14 + 28 + 40_500, checksum: 2, segmentSize: 1000 });
      expect(await fixture.stop()).toBe(0);
    }));

  it('counts what the kernel could not tell, and goes on', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      // As recvmmsg(2) answers for a frame merged in a way that virtio_net_hdr has no words for.
      const tracer = ['strace', '-qq', '-o', '/dev/null', '-e', 'trace=recvmmsg'];
      const fixture = await startLink(ns, PACKET, {}, [...tracer, '-e', 'inject=recvmmsg:error=EINVAL:when=2']);
      const { stdout } = await ns.run('ping', ['-c', '3', '-i', '0.5', '10.7.0.2']);
      expect(stdout).toMatch(/3 received/);
      expect(await fixture.ask({ do: 'counters' })).toMatchObject({ droppedUnreadable: 1, droppedFull: 0 });
      fixture.hangUp();
      expect(await fixture.end()).toBe(0);
    }));

  it('counts frames that the kernel had no room for', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      const fixture = await startLink(ns, PACKET, { address: OURS, receiveBuffer: 65_536 });
      const far = await startLink(ns, PACKET, { interface: 'veth1' });
      fixture.signal('SIGSTOP');
      const count = 1000;
      await far.ask({ do: 'send', packets: [frame(ours, '00')], times: count });
      fixture.signal('SIGCONT');
      await fixture.ask({ do: 'watch' });
      await far.ask({ do: 'send', packets: [frame(ours, '01')] });
      await nextFrame(fixture, EXPERIMENT);
      const { received, droppedFull } = await fixture.ask({ do: 'counters' });
      expect(Number(droppedFull)).toBeGreaterThan(0);
      expect(Number(received) + Number(droppedFull)).toBeGreaterThanOrEqual(count + 1);
      for (const one of [far, fixture]) expect(await one.stop()).toBe(0);
    }));

  it('waits for room when a slow card holds many frames', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      // Frames wait in a queue that is longer than what one socket may have on its way (net.core.wmem_default).
      const rate = ['rate', '200mbit', 'burst', '16kb', 'limit', '64mb'];
      const { status, stderr } = await ns.run('tc', ['qdisc', 'add', 'dev', 'veth0', 'root', 'tbf', ...rate]);
      expect(stderr).toBe('');
      expect(status).toBe(0);
      const fixture = await startLink(ns, PACKET);
      const first = await fixture.ask({ do: 'send', packets: [frame(BROADCAST, '00'.repeat(1400))], times: 1000 });
      expect(first).toMatchObject({ droppedRefused: 0 });
      expect(Number(first['taken'])).toBeGreaterThan(0);
      expect(Number(first['taken'])).toBeLessThan(1000);
      await fixture.next('writable');
      const again = await fixture.ask({ do: 'send', packets: [frame(BROADCAST, '00'.repeat(1400))], times: 10 });
      expect(again).toMatchObject({ taken: 10, droppedRefused: 0 });
      expect(await fixture.stop()).toBe(0);
    }));

  it('frames beyond the MTU are refused and counted', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      const fixture = await startLink(ns, PACKET);
      const before = Number((await fixture.ask({ do: 'counters' }))['sent']);
      const packets = [frame(BROADCAST, '00'.repeat(1501)), frame(BROADCAST, '00'.repeat(1500))];
      expect(await fixture.ask({ do: 'send', packets })).toMatchObject({
        taken: 2,
        sent: before + 1,
        droppedRefused: 1,
      });
      expect(await fixture.stop()).toBe(0);
    }));

  it('is down without a carrier, and keeps to its device when that is renamed', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      await ns.ip('link', 'set', 'veth1', 'down');
      await waitForState(ns, 'veth0', 'LOWERLAYERDOWN');
      const fixture = await startLink(ns, PACKET);
      expect(fixture.ready).toMatchObject({ up: false });
      await ns.ip('link', 'set', 'veth1', 'up');
      expect(await fixture.next('changed')).toMatchObject({ up: true });
      await ns.ip('link', 'set', 'veth1', 'down');
      expect(await fixture.next('changed')).toMatchObject({ up: false });
      await ns.ip('link', 'set', 'veth0', 'down');
      await ns.ip('link', 'set', 'veth0', 'name', 'wire0');
      await ns.ip('link', 'set', 'wire0', 'up');
      await ns.ip('link', 'set', 'veth1', 'up');
      expect(await fixture.next('changed')).toMatchObject({ up: true });
      await ns.ip('link', 'set', 'wire0', 'mtu', '1300');
      expect(await fixture.next('changed')).toMatchObject({ up: true, mtu: 1300 });
      await ns.ip('link', 'delete', 'wire0');
      expect(await fixture.next('closed')).toMatchObject({ code: 'ENODEV' });
      expect(await fixture.stop()).toBe(0);
    }));
});

describe.skipIf(unavailable !== undefined)('a packet socket can not be opened', () => {
  it('EPERM for root without CAP_NET_RAW', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      const powerless = ['setpriv', '--bounding-set=-net_raw', '--inh-caps=-net_raw'];
      const fixture = await startLink(ns, PACKET, {}, powerless);
      expect(fixture.ready).toMatchObject({
        event: 'failed',
        code: 'EPERM',
        errno: -1,
        syscall: 'socket(AF_PACKET)',
        message:
          'socket(AF_PACKET) EPERM veth0: a packet socket needs a right: run as root or with CAP_NET_RAW ' +
          '(a container: `--cap-add NET_RAW`)',
      });
      expect(await fixture.end()).toBe(1);
    }));

  it('but can with CAP_NET_RAW alone', () =>
    withNamespace(async (ns) => {
      await prepare(ns, PACKET);
      const others = ['setpriv', '--bounding-set=-all,+net_raw', '--inh-caps=-all,+net_raw'];
      const fixture = await startLink(ns, PACKET, {}, others);
      expect(fixture.ready).toMatchObject({ event: 'ready', up: true });
      expect((await ns.run('ping', ['-c', '1', '-W', '5', '10.7.0.2'])).status).toBe(0);
      expect(await fixture.stop()).toBe(0);
    }));

  it('ENODEV when there is no such device', () =>
    withNamespace(async (ns) => {
      const fixture = await startLink(ns, PACKET, { interface: 'nothing0' });
      expect(fixture.ready).toMatchObject({
        event: 'failed',
        code: 'ENODEV',
        message: 'ioctl(SIOCGIFINDEX) ENODEV nothing0: there is no such device here; `ip link` lists them',
      });
      expect(await fixture.end()).toBe(1);
    }));

  it.each(['lo', 'tun0'])('EINVAL when it is not Ethernet (%s)', (device) =>
    withNamespace(async (ns) => {
      await ns.ip('tuntap', 'add', 'tun0', 'mode', 'tun');
      const fixture = await startLink(ns, PACKET, { interface: device });
      expect(fixture.ready).toMatchObject({
        event: 'failed',
        code: 'EINVAL',
        message: `ioctl(SIOCGIFHWADDR) EINVAL ${device}: this is not an Ethernet device`,
      });
      expect(await fixture.end()).toBe(1);
    }),
  );
});
