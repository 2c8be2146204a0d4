import { describe, expect, it } from 'vitest';
import type { ImpairCounters } from '../../src/link/impair-lane.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import type { Captured } from '../support/kernel-capture.ts';
import { captureOn, sackers } from '../support/kernel-capture.ts';
import { connect, part, STACK, transfer, withStack } from '../support/kernel.ts';
import { canUseTun } from '../support/namespace.ts';
import { kernelSocket } from '../support/socket-statistics.ts';

const unavailable = canUseTun('tcpdump', 'ping', 'ss', 'sysctl');

const PORT = 5000;
const BYTES = 3_000_000;

/** A bottleneck that marks long before it would drop. */
const MARKING = { rate: 50e6, queue: 1_000_000, ecnThreshold: 30_000 };

describe.skipIf(unavailable)('a stack behind TUN and the kernel: ECN', () => {
  it.each([
    ['stack', 'auto'],
    ['kernel', 'auto'],
    ['stack', false],
    ['kernel', false],
  ] as const)('[S-086] the %s asks for it: marks slow both senders, no loss; offload: %j', async (client, offload) => {
    const options = {
      offload,
      sysctl: { tcp_ecn: 1 },
      tcp: { ecn: 'request' as const },
      impair: { delay: 3, seed: 1, ...MARKING },
    };
    await withStack(async ({ ns, stack, startKernel }) => {
      // What is marked is answered as RFC 3168 has it, whatever the machine's default.
      await ns.ip('route', 'replace', '10.7.0.0/24', 'dev', 'tun0', 'src', '10.7.0.1', 'congctl', 'reno');
      const kernel = await startKernel();
      const seen = await captureOn(ns);
      await (client === 'stack' ? kernel : stack).ask({ do: 'listen', port: PORT });
      const ends = await connect(client, { stack, kernel }, { port: PORT });
      await transfer(ends.ours, ends.theirs, BYTES);
      await transfer(ends.theirs, ends.ours, BYTES);
      const info = await stack.ask({ do: 'info', id: ends.ours.id });
      expect(info).toMatchObject({ ecn: true });
      expect(info['ecnMarks']).toBeGreaterThan(0);
      expect(info['ecnEchoes']).toBeGreaterThan(0);
      const socket = await kernelSocket(ns, [client === 'stack' ? 'sport' : 'dport', String(PORT)]);
      expect([...socket.flags]).toEqual(expect.arrayContaining(['ecn', 'ecnseen', 'reno']));
      const { send, receive } = (await stack.ask({ do: 'impairments' })) as unknown as Record<
        'send' | 'receive',
        ImpairCounters
      >;
      for (const { marked, queueDrops } of [send, receive]) {
        expect(marked).toBeGreaterThan(0);
        expect(queueDrops).toBe(0);
      }
      await part(ends);
      const captured = await seen.stop();
      // Super-segments are longer than what is captured of a packet.
      if (offload === false) expectEcn(captured, client);
    }, options);
  });

  it('[S-086] a kernel that does not ask, and a stack that does not: no ECN', async () => {
    await withStack(
      async ({ ns, stack, startKernel }) => {
        const kernel = await startKernel();
        await stack.ask({ do: 'listen', port: PORT });
        const ends = await connect('kernel', { stack, kernel }, { port: PORT });
        await transfer(ends.ours, ends.theirs, 100_000);
        expect(await stack.ask({ do: 'info', id: ends.ours.id })).toMatchObject({ ecn: false });
        expect((await kernelSocket(ns, ['dport', String(PORT)])).flags).not.toContain('ecn');
        await part(ends);
      },
      { sysctl: { tcp_ecn: 0 }, tcp: { ecn: 'request' } },
    );
  });
});

function expectEcn({ packets, stack, kernel }: Captured, client: 'stack' | 'kernel'): void {
  const { SYN, ACK, ECE, CWR } = TcpFlag;
  const [asks, answers] = client === 'stack' ? [stack, kernel] : [kernel, stack];
  expect(asks[0]!.flags).toBe(SYN | ECE | CWR);
  expect(answers[0]!.flags).toBe(SYN | ACK | ECE);
  for (const side of [stack, kernel]) {
    const later = side.slice(1);
    expect(later.filter(({ flags }) => flags & ECE)).not.toEqual([]);
    expect(later.filter(({ flags }) => flags & CWR)).not.toEqual([]);
  }
  for (const side of [stack, kernel]) expect(sackers(side)).toEqual([]);
  // Only data is capable of ECN, and only when it is new.
  const ours = packets.filter(({ ip }) => ip.source.toString() === STACK);
  for (const { ip, tcp } of ours) {
    if (tcp!.payload.length === 0) expect(ip.trafficClass & 3).toBe(0);
  }
  const capable = ours.filter(({ ip, tcp }) => ip.trafficClass & 3 && tcp!.payload.length > 0);
  expect(capable.reduce((sum, { tcp }) => sum + tcp!.payload.length, 0)).toBe(BYTES);
}
