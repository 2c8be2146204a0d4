import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KERNEL, PATIENTLY, STACK, withStack } from '../support/kernel.ts';
import type { Fixture, FixtureEvent } from '../support/namespace.ts';
import { canUseTun } from '../support/namespace.ts';
import { contentHash } from './fixtures/content.mjs';

const unavailable = canUseTun('python3', 'ss');

const PORT = 5000;
const FLOOD = new URL('fixtures/syn-flood.py', import.meta.url).pathname;

/** A connection that the kernel has opened to the stack: its number on either side. */
async function connected(stack: Fixture, kernel: Fixture): Promise<{ ours: unknown; theirs: unknown }> {
  await stack.ask({ do: 'listen', port: PORT });
  const { id: theirs } = await kernel.ask({ do: 'connect', host: STACK, port: PORT });
  const { id: ours } = await stack.next('connection');
  return { ours, theirs };
}

/** Ends a connection from both sides, the stack's first. */
async function parted(stack: Fixture, ours: unknown, kernel: Fixture, theirs: unknown): Promise<void> {
  await stack.ask({ do: 'end', id: ours });
  await kernel.ask({ do: 'receive', id: theirs });
  await kernel.ask({ do: 'end', id: theirs });
  await stack.ask({ do: 'receive', id: ours });
  await stack.next('close');
}

function arrived(bytes: number): FixtureEvent {
  return { event: 'receive', bytes, hash: contentHash(bytes) };
}

/** Sends the content of this length, and waits until the other side has all of it. */
async function transfer(from: Fixture, sender: unknown, to: Fixture, receiver: unknown, bytes: number): Promise<void> {
  from.tell({ do: 'send', id: sender, bytes });
  expect(await to.ask({ do: 'receive', id: receiver, bytes })).toEqual(arrived(bytes));
  await from.next('send');
}

describe.skipIf(unavailable)('a stack behind TUN and the kernel: flow', () => {
  it('50 MB in each direction at the same time', async () => {
    await withStack(async ({ stack, startKernel }) => {
      const kernel = await startKernel();
      const { ours, theirs } = await connected(stack, kernel);
      stack.tell({ do: 'send', id: ours, bytes: 50_000_000 });
      kernel.tell({ do: 'send', id: theirs, bytes: 49_999_999 });
      stack.tell({ do: 'receive', id: ours, bytes: 49_999_999 });
      kernel.tell({ do: 'receive', id: theirs, bytes: 50_000_000 });
      expect(await stack.next('receive')).toEqual(arrived(49_999_999));
      expect(await kernel.next('receive')).toEqual(arrived(50_000_000));
      await parted(stack, ours, kernel, theirs);
    });
  });

  it.each([576, 9000, 65_535])('[MUST-14] an MTU of %i: 5 MB each way', async (mtu) => {
    await withStack(
      async ({ stack, startKernel }) => {
        const kernel = await startKernel();
        const { ours, theirs } = await connected(stack, kernel);
        // Less the headers of IPv4 and TCP, and timestamps.
        expect(await stack.ask({ do: 'info', id: ours })).toMatchObject({ mss: mtu - 52 });
        await transfer(stack, ours, kernel, theirs, 5_000_000);
        await transfer(kernel, theirs, stack, ours, 4_999_999);
        await parted(stack, ours, kernel, theirs);
      },
      { mtu },
    );
  });

  it.each(['stack', 'kernel'] as const)('the link goes down and up again while the %s sends', async (sender) => {
    await withStack(async ({ ns, stack, startKernel }) => {
      const kernel = await startKernel();
      const { ours, theirs } = await connected(stack, kernel);
      const [from, fromId, to, toId] =
        sender === 'stack' ? [stack, ours, kernel, theirs] : [kernel, theirs, stack, ours];
      from.tell({ do: 'send', id: fromId, bytes: 100_000_000 });
      to.tell({ do: 'receive', id: toId, bytes: 100_000_000 });
      const received = async (): Promise<unknown> => (await to.ask({ do: 'progress', id: toId }))['received'];
      await expect.poll(received, PATIENTLY).toBeGreaterThan(1_000_000);
      await ns.ip('link', 'set', 'tun0', 'down');
      expect(await stack.next('link')).toMatchObject({ up: false });
      // The sender has noticed: its timer has run out.
      if (sender === 'stack') {
        const timeouts = async (): Promise<unknown> => (await stack.ask({ do: 'info', id: ours }))['timeouts'];
        await expect.poll(timeouts, PATIENTLY).toBeGreaterThan(0);
      } else {
        const timers = async (): Promise<string> => (await ns.run('ss', ['-tnoH', 'dport', `${PORT}`])).stdout;
        // Either something was on its way (on), or all of it was acknowledged and nothing more could leave (persist).
        await expect.poll(timers, PATIENTLY).toMatch(/timer:\((on|persist),[^)]*,[1-9]\d*\)/);
      }
      expect(await received()).toBeLessThan(100_000_000);
      await ns.ip('link', 'set', 'tun0', 'up');
      expect(await stack.next('link')).toMatchObject({ up: true });
      expect(await to.next('receive')).toEqual(arrived(100_000_000));
      await parted(stack, ours, kernel, theirs);
    });
  });

  it('[MAY-8] a paused reader closes the window; the kernel keeps the rest, and sends it when the window opens', async () => {
    await withStack(async ({ ns, stack, startKernel }) => {
      const kernel = await startKernel();
      const { ours, theirs } = await connected(stack, kernel);
      kernel.tell({ do: 'send', id: theirs, bytes: 30_000_000 });
      // The kernel probes a closed window.
      const timers = async (): Promise<string> => (await ns.run('ss', ['-tnoH', 'dport', `${PORT}`])).stdout;
      await expect.poll(timers, PATIENTLY).toContain('timer:(persist');
      const { unread, state } = await stack.ask({ do: 'info', id: ours });
      const { used } = (await stack.ask({ do: 'statistics' }))['memory'] as { used: number };
      const { sent } = await kernel.ask({ do: 'progress', id: theirs });
      expect(state).toBe('ESTABLISHED');
      expect(unread).toBeGreaterThan(0);
      expect(used).toBeLessThanOrEqual(2 * 512 * 1024);
      const kernelBuffer = Number(readFileSync('/proc/sys/net/ipv4/tcp_wmem', 'utf8').trim().split(/\s+/)[2]);
      expect(sent).toBeLessThan(512 * 1024 + kernelBuffer);
      expect(await stack.ask({ do: 'receive', id: ours, bytes: 30_000_000 })).toEqual(arrived(30_000_000));
      await kernel.next('send');
      await parted(stack, ours, kernel, theirs);
    });
  });

  it('[MUST-36] [MUST-37] a reader of the kernel that pauses is probed, and gets the rest when it reads on', async () => {
    await withStack(async ({ stack, startKernel }) => {
      const kernel = await startKernel();
      const { ours, theirs } = await connected(stack, kernel);
      stack.tell({ do: 'send', id: ours, bytes: 30_000_000 });
      const info = (): Promise<FixtureEvent> => stack.ask({ do: 'info', id: ours });
      await expect.poll(info, PATIENTLY).toMatchObject({ sendWindow: 0, flight: 0 });
      const before = await info();
      const probed = async (): Promise<number> => Number((await info())['segmentsSent']);
      await expect.poll(probed, PATIENTLY).toBeGreaterThan(Number(before['segmentsSent']) + 1);
      expect(await info()).toMatchObject({ state: 'ESTABLISHED', sendWindow: 0, bytesAcked: before['bytesAcked'] });
      expect(await kernel.ask({ do: 'receive', id: theirs, bytes: 30_000_000 })).toEqual(arrived(30_000_000));
      await stack.next('send');
      await parted(stack, ours, kernel, theirs);
    });
  });

  it('[S-096] a full backlog: the kernel is let in by a cookie', async () => {
    const provoked = { drops: ['tcp-syn-cookies-sent', 'tcp-syn-cookies-received'] };
    await withStack(async ({ ns, stack, startKernel }) => {
      const kernel = await startKernel();
      await stack.ask({ do: 'listen', port: PORT, backlog: 8 });
      expect((await ns.run('python3', [FLOOD, '10.7.0', STACK, `${PORT}`, '40'])).stderr).toBe('');
      const { id: theirs } = await kernel.ask({ do: 'connect', host: STACK, port: PORT });
      const { id: ours } = await stack.next('connection');
      const { drops, tcp } = await stack.ask({ do: 'statistics' });
      expect(drops).toMatchObject({ 'tcp-syn-cookies-sent': 33, 'tcp-syn-cookies-received': 1 });
      expect(tcp).toMatchObject({ connections: 9 });
      await transfer(kernel, theirs, stack, ours, 1_000_000);
      await parted(stack, ours, kernel, theirs);
    }, provoked);
  });

  it('200 connections at once, as many as the backlog holds', async () => {
    await withStack(async ({ stack, startKernel }) => {
      const kernel = await startKernel();
      await stack.ask({ do: 'listen', port: PORT });
      for (let i = 0; i < 200; i++) kernel.tell({ do: 'connect', host: STACK, port: PORT });
      for (let i = 0; i < 200; i++) expect((await kernel.next('connect'))['id']).toBeGreaterThan(0);
      for (let i = 0; i < 200; i++) await stack.next('connection');
      expect((await stack.ask({ do: 'statistics' }))['tcp']).toMatchObject({ connections: 200 });
      for (let id = 1; id <= 200; id++) {
        stack.tell({ do: 'destroy', id });
        kernel.tell({ do: 'destroy', id });
      }
      for (let i = 0; i < 200; i++) await stack.next('close');
    });
  });

  it('an idle connection: keep-alive probes of the kernel are answered, and it can still be used', async () => {
    await withStack(async ({ stack, startKernel }) => {
      const kernel = await startKernel();
      await stack.ask({ do: 'listen', port: PORT });
      const { id: theirs } = await kernel.ask({ do: 'connect', host: STACK, port: PORT, keepAlive: 1000 });
      const { id: ours } = await stack.next('connection');
      const info = (): Promise<FixtureEvent> => stack.ask({ do: 'info', id: ours });
      const before = await info();
      const probes = async (): Promise<number> => Number((await info())['segmentsReceived']);
      await expect.poll(probes, PATIENTLY).toBeGreaterThan(Number(before['segmentsReceived']) + 2);
      expect(await info()).toMatchObject({ state: 'ESTABLISHED', bytesReceived: 0 });
      await transfer(kernel, theirs, stack, ours, 100_000);
      await transfer(stack, ours, kernel, theirs, 100_001);
      await parted(stack, ours, kernel, theirs);
    });
  });

  it('[MUST-24] an idle connection: the kernel answers our keep-alive probes', async () => {
    await withStack(async ({ stack, startKernel }) => {
      await startKernel();
      const { id } = await stack.ask({ do: 'connect', host: KERNEL, port: 7, keepAlive: 1000 });
      await stack.ask({ do: 'set', id, option: 'keepAliveInterval', value: 100 });
      const info = (): Promise<FixtureEvent> => stack.ask({ do: 'info', id });
      const before = await info();
      const answers = async (): Promise<number> => Number((await info())['segmentsReceived']);
      await expect.poll(answers, PATIENTLY).toBeGreaterThan(Number(before['segmentsReceived']) + 2);
      expect(await info()).toMatchObject({ state: 'ESTABLISHED', timeouts: 0 });
      await stack.ask({ do: 'end', id });
      await stack.ask({ do: 'receive', id });
      await stack.next('close');
    });
  });

  it('stack.close() with a client connected: it gets all that was written, then FIN', async () => {
    await withStack(
      async ({ stack, startKernel }) => {
        const kernel = await startKernel();
        const { ours, theirs } = await connected(stack, kernel);
        kernel.tell({ do: 'receive', id: theirs });
        await stack.ask({ do: 'send', id: ours, bytes: 400_000 });
        expect(await stack.ask({ do: 'closeStack', timeout: 20_000 })).toMatchObject({ interfaces: 0 });
        expect(await kernel.next('receive')).toEqual(arrived(400_000));
        await kernel.next('end');
        await kernel.ask({ do: 'destroy', id: theirs });
      },
      { closes: true },
    );
  });

  it('the process ends while a client is connected: the client sees the end, too', async () => {
    await withStack(
      async ({ stack, startKernel }) => {
        const kernel = await startKernel();
        const { theirs } = await connected(stack, kernel);
        kernel.tell({ do: 'receive', id: theirs });
        stack.signal('SIGTERM');
        await kernel.next('end');
        await kernel.ask({ do: 'end', id: theirs });
        expect(await stack.end()).toBe(0);
      },
      { closes: true },
    );
  });
});
