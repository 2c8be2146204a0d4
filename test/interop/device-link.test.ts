import { describe, expect, it } from 'vitest';
import {
  addNeighbour,
  disableIpv6,
  knowNeighbour,
  PACKET,
  prepare,
  sendDatagrams,
  startLink,
  TAP,
  TUN,
} from '../support/device-scene.ts';
import { canUseTun, withNamespace } from '../support/namespace.ts';

/** Seconds: ping waits so long for its last reply, however soon the others came, and whatever `-W` says. */
const PATIENTLY = '0.5';
const KERNEL4 = '10.7.0.1/24';
const CARD = '02:00:00:00:00:07';
const unavailable = canUseTun('ping', 'strace', 'sh', 'tc');

describe.skipIf(unavailable !== undefined).each([TUN, TAP, PACKET])('a $kind link and the kernel', (kind) => {
  const { device, kernelDevice, header, largestMtu, largestBatch } = kind;
  const ethernet = header > 0;

  it.each([56, 1400])('the kernel pings through it with %i bytes, IPv4 and IPv6', (size) =>
    withNamespace(async (ns) => {
      await prepare(ns, kind);
      const fixture = await startLink(ns, kind);
      const medium = ethernet ? 'ethernet' : 'ip';
      expect(fixture.ready).toMatchObject({ name: device, mtu: 1500, up: true, medium });
      for (const address of ['10.7.0.2', 'fd07::2']) {
        const { stdout, status } = await ns.run('ping', ['-c', '3', '-i', PATIENTLY, '-s', `${size}`, address]);
        expect(stdout).toMatch(/3 packets transmitted, 3 received/);
        expect(status).toBe(0);
      }
      const { sent, sentBytes, droppedDown, droppedRefused } = await fixture.ask({ do: 'counters' });
      expect({ droppedDown, droppedRefused }).toEqual({ droppedDown: 0, droppedRefused: 0 });
      const echoes = 3 * (size + 28 + header) + 3 * (size + 48 + header);
      // On Ethernet the kernel asked for our address, perhaps again to see whether we are still there.
      if (ethernet) expect(sent).toBeGreaterThanOrEqual(8);
      else expect([sent, sentBytes]).toEqual([6, echoes]);
      expect(sentBytes).toBeGreaterThanOrEqual(echoes);
      expect(await fixture.stop()).toBe(0);
    }),
  );

  it.each([4, 1400])('packets that wait arrive in order, in batches (%i bytes)', (size) =>
    withNamespace(async (ns) => {
      await disableIpv6(ns);
      await prepare(ns, kind, { addresses: [KERNEL4] });
      const fixture = await startLink(ns, kind, kind.kind === 'packet' ? {} : { kernelAddresses: [KERNEL4] });
      await knowNeighbour(ns, kind, fixture);
      const count = 600;
      // The program is stopped, so that all packets wait in the device's queue.
      fixture.signal('SIGSTOP');
      await sendDatagrams(ns, count, size);
      fixture.signal('SIGCONT');
      const { datagrams, batches } = await fixture.ask({ do: 'report', datagrams: count });
      expect(datagrams).toEqual(Array.from({ length: count }, (_, i) => [i, size + 28]));
      expect(Math.max(...(batches as number[]))).toBe(largestBatch(size + 28 + header));
      expect(await fixture.stop()).toBe(0);
    }),
  );

  it('carries packets as long as its largest MTU whole', () =>
    withNamespace(async (ns) => {
      await prepare(ns, kind, { mtu: largestMtu });
      const fixture = await startLink(ns, kind, kind.kind === 'packet' ? {} : { mtu: largestMtu });
      expect(fixture.ready).toMatchObject({ mtu: largestMtu });
      await knowNeighbour(ns, kind, fixture);
      fixture.signal('SIGSTOP');
      await sendDatagrams(ns, 9, largestMtu - 28);
      fixture.signal('SIGCONT');
      const { datagrams } = await fixture.ask({ do: 'report', datagrams: 9 });
      expect(datagrams).toEqual(Array.from({ length: 9 }, (_, i) => [i, largestMtu]));
      const { stdout } = await ns.run('ping', ['-c', '2', '-i', PATIENTLY, '-s', `${largestMtu - 28}`, '10.7.0.2']);
      expect(stdout).toMatch(/2 received/);
      expect(await fixture.stop()).toBe(0);
    }));

  it('refused packets are taken and counted', () =>
    withNamespace(async (ns) => {
      await prepare(ns, kind);
      const fixture = await startLink(ns, kind);
      // Shorter than a header; as IP neither version 4 nor 6.
      const packets = ['00', ethernet ? 'ff'.repeat(13) : 'ff'.repeat(40)];
      const { taken, droppedRefused, droppedDown } = await fixture.ask({ do: 'send', packets });
      expect({ taken, droppedRefused, droppedDown }).toEqual({ taken: 2, droppedRefused: 2, droppedDown: 0 });
      expect(await fixture.stop()).toBe(0);
    }));

  it('tells when it goes down, comes up and gets another MTU', () =>
    withNamespace(async (ns) => {
      await prepare(ns, kind);
      const fixture = await startLink(ns, kind);
      await ns.ip('link', 'set', device, 'down');
      expect(await fixture.next('changed')).toMatchObject({ up: false, mtu: 1500 });
      const packet = `45${'00'.repeat(39)}`;
      const before = (await fixture.ask({ do: 'counters' }))['sent'];
      const answer = await fixture.ask({ do: 'send', packets: [packet] });
      expect(answer).toMatchObject({ taken: 1, sent: before, droppedDown: 1 });
      await ns.ip('link', 'set', device, 'mtu', '1400');
      expect(await fixture.next('changed')).toMatchObject({ up: false, mtu: 1400 });
      await ns.ip('link', 'set', device, 'up');
      expect(await fixture.next('changed')).toMatchObject({ up: true, mtu: 1400 });
      expect((await ns.run('ping', ['-c', '1', '-W', '5', '10.7.0.2'])).status).toBe(0);
      expect(await fixture.stop()).toBe(0);
    }));

  it('tells once when it is deleted', () =>
    withNamespace(async (ns) => {
      await prepare(ns, kind);
      const fixture = await startLink(ns, kind);
      await ns.ip('link', 'delete', device);
      expect(await fixture.next('closed')).toMatchObject({
        code: 'ENODEV',
        syscall: 'read',
        message: `read ENODEV ${device}: the device was deleted`,
        up: false,
      });
      const before = (await fixture.ask({ do: 'counters' }))['sent'];
      expect(await fixture.ask({ do: 'send', packets: ['45'] })).toMatchObject({ taken: 1, sent: before });
      expect(await fixture.ask({ do: 'close' })).toMatchObject({ up: false });
      expect(await fixture.stop()).toBe(0);
      expect(fixture.unread.filter(({ event }) => event === 'closed')).toEqual([]);
    }));

  it('is silent after close, which may be called twice', () =>
    withNamespace(async (ns) => {
      await prepare(ns, kind);
      const fixture = await startLink(ns, kind);
      expect(await fixture.ask({ do: 'close' })).toMatchObject({ up: false });
      // What we made is gone, what was there is not.
      const shown = await ns.ip('-brief', 'link');
      if (kind.kind === 'packet') expect(shown).toContain(device);
      else expect(shown).not.toContain(device);
      const before = (await fixture.ask({ do: 'counters' }))['sent'];
      expect(await fixture.ask({ do: 'send', packets: ['45'] })).toMatchObject({ taken: 1, sent: before });
      expect(await fixture.stop()).toBe(0);
      expect(fixture.unread).toEqual([]);
    }));

  it('waits for room when the device is full', () =>
    withNamespace(async (ns) => {
      await prepare(ns, kind);
      // A device is hardly ever full: the tracer makes the third call fail with EAGAIN, once.
      const call = kind.kind === 'packet' ? 'sendmmsg' : 'writev';
      const where = kind.kind === 'packet' ? [] : ['-P', '/dev/net/tun'];
      const tracer = ['strace', '-qq', '-o', '/dev/null', ...where, '-e', `trace=${call}`];
      const fixture = await startLink(ns, kind, {}, [...tracer, '-e', `inject=${call}:error=EAGAIN:when=3`]);
      const { stdout } = await ns.run('ping', ['-c', '5', '-i', PATIENTLY, '10.7.0.2']);
      expect(stdout).toMatch(/5 received/);
      expect(await fixture.next('partial')).toMatchObject({ taken: 0, count: 1 });
      await fixture.next('writable');
      const { sent, droppedRefused } = await fixture.ask({ do: 'counters' });
      expect(sent).toBeGreaterThanOrEqual(5);
      expect(droppedRefused).toBe(0);
      // A signal would go to the tracer.
      fixture.hangUp();
      expect(await fixture.end()).toBe(0);
    }));

  it('survives an exception from its host, which is an uncaught one', () =>
    withNamespace(async (ns) => {
      await prepare(ns, kind);
      const fixture = await startLink(ns, kind);
      await fixture.ask({ do: 'throw' });
      const { stdout } = await ns.run('ping', ['-c', '3', '-i', '0.01', '-W', '2', '10.7.0.2']);
      expect(stdout).toMatch(/[123] received/);
      expect(await fixture.next('uncaught')).toMatchObject({ message: 'thrown by receive' });
      expect(await fixture.stop()).toBe(0);
    }));

  it('leaves no file open', () =>
    withNamespace(async (ns) => {
      await prepare(ns, kind);
      const fixture = await startLink(ns, kind);
      const options = kind.kind === 'packet' ? kind.options : { name: 'other', mode: kind.kind };
      const { before, after } = await fixture.ask({ do: 'reopen', times: 50, options });
      expect(after).toBe(before);
      expect(await fixture.stop()).toBe(0);
    }));

  it('does not keep the process alive while idle', () =>
    withNamespace(async (ns) => {
      await prepare(ns, kind);
      const fixture = await ns.start('device-idle.mjs', [JSON.stringify(kind.options)]);
      expect(fixture.ready.event).toBe('ready');
      expect(await fixture.end()).toBe(0);
      if (kind.kind !== 'packet') expect(await ns.ip('-brief', 'link')).not.toContain(device);
    }));

  it.each([
    { manner: 'exit', code: 7, error: null },
    { manner: 'terminate', code: 1, error: null },
    { manner: 'throw', code: 1, error: 'thrown by receive' },
    { manner: 'close', code: 7, error: null },
  ])('workers end under traffic ($manner) and leave nothing', ({ manner, code, error }) =>
    withNamespace(async (ns) => {
      await prepare(ns, kind);
      const ours = kind.kind === 'packet' ? { address: CARD } : { name: undefined };
      if (kind.kind === 'packet') await addNeighbour(ns, kind, CARD);
      const options = JSON.stringify({ ...kind.options, ...ours });
      // To the kernel each new TAP device is a wire to ask on, which takes a second; what ends is as with TUN.
      const times = kind.kind === 'tap' ? 4 : 12;
      const fixture = await ns.start('device-worker.mjs', [manner, `${times}`, options]);
      expect(await fixture.end()).toBe(0);
      const ended = { event: 'ended', code, error, deviceLeft: kind.kind === 'packet' };
      expect(fixture.unread).toEqual(new Array(times).fill(ended));
      if (kernelDevice !== device) expect(await ns.ip('-details', 'link', 'show', device)).toContain('promiscuity 0');
    }),
  );
});
