import { describe, expect, it } from 'vitest';
import { captureOn, optionOf, sackers } from '../support/kernel-capture.ts';
import { connect, part, STACK, transfer, withStack } from '../support/kernel.ts';
import { canUseTun } from '../support/namespace.ts';
import { kernelSocket } from '../support/socket-statistics.ts';

const unavailable = canUseTun('tcpdump', 'ping', 'python3', 'ss');

const PORT = 5000;
const BACKLOG = 8;
const FLOOD = new URL('fixtures/syn-flood.py', import.meta.url).pathname;

describe.skipIf(unavailable)('a stack behind TUN and the kernel: SYN cookies', () => {
  it('[S-096] a kernel that came by cookie keeps SACK, timestamps and window scale, and uses them', async () => {
    const options = {
      impair: { seed: 3 },
      drops: ['tcp-syn-cookies-sent', 'tcp-syn-cookies-received', 'tcp-paws', 'tcp-challenge-limited'],
    };
    await withStack(async ({ ns, stack, startKernel }) => {
      const kernel = await startKernel();
      await stack.ask({ do: 'listen', port: PORT, backlog: BACKLOG });
      expect((await ns.run('python3', [FLOOD, '10.7.0', STACK, String(PORT), '100'])).stderr).toBe('');
      const seen = await captureOn(ns);
      const ends = await connect('kernel', { stack, kernel }, { port: PORT });
      const { drops } = await stack.ask({ do: 'statistics' });
      expect(drops).toMatchObject({
        'tcp-syn-cookies-sent': 100 - BACKLOG + 1,
        'tcp-syn-cookies-received': 1,
      });
      const info = await stack.ask({ do: 'info', id: ends.ours.id });
      expect(info).toMatchObject({ state: 'ESTABLISHED', sack: true, timestamps: true, mss: 1448 });
      const socket = await kernelSocket(ns, ['dport', String(PORT)]);
      expect([...socket.flags]).toEqual(expect.arrayContaining(['ts', 'sack']));
      // `ss` says what the kernel shifts what it receives by, then what it sends: ours, then its own.
      expect(socket.values.get('wscale'), socket.text).toBe(`${info['sendScale']},${info['receiveScale']}`);
      await stack.ask({ do: 'impair', changes: { delay: 1, loss: 0.02 } });
      await transfer(ends.ours, ends.theirs, 1_000_000);
      await transfer(ends.theirs, ends.ours, 1_000_000);
      await part(ends);
      const captured = await seen.stop();
      const ours = captured.stack.filter(({ destinationPort }) => destinationPort === captured.kernel[0]!.sourcePort);
      for (const side of [ours, captured.kernel]) {
        const scale = optionOf(side[0]!, 'windowScale')!.shift;
        expect(Math.max(...side.slice(1).map(({ window }) => window << scale))).toBeGreaterThan(65_535);
        expect(sackers(side)).not.toEqual([]);
      }
    }, options);
  });
});
