import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { TcpFlag } from '../../src/wire/tcp.ts';
import { captureOn } from '../support/kernel-capture.ts';
import { PATIENTLY, STACK, withStack } from '../support/kernel.ts';
import { canUseTun } from '../support/namespace.ts';

const unavailable = canUseTun('tcpdump', 'ping', 'python3');

const PORT = 5000;
const SCRIPT = new URL('fixtures/urgent.py', import.meta.url).pathname;

describe.skipIf(unavailable)('a stack behind TUN and the kernel: urgent data', () => {
  it('[MUST-30] [MUST-32] [MUST-33] [S-099] both sides mark a byte, which stays in line', async () => {
    await withStack(async ({ ns, stack }) => {
      await stack.ask({ do: 'urgentListen', port: PORT });
      const seen = await captureOn(ns);
      const python = ns.spawn('python3', [SCRIPT, STACK, String(PORT)]);
      const closed = once(python, 'close');
      let printed = '';
      let failed = '';
      python.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
      python.stderr.setEncoding('utf8').on('data', (text: string) => (failed += text));
      // The owner is told how far the urgent data reaches, before what is behind it is read.
      expect((await stack.next('urgent'))['length']).toBeGreaterThan(0);
      let text = '';
      for (const wanted of ['before!', 'before! after']) {
        while (text.length < wanted.length) text += String((await stack.next('text'))['text']);
        // A read never goes beyond the mark.
        if (wanted === 'before!') expect(text).toBe(wanted);
      }
      expect(text).toBe('before! after');
      await stack.ask({ do: 'urgentWrite', text: 'calm ', urgent: false });
      await stack.ask({ do: 'urgentWrite', text: 'help', urgent: true });
      await stack.ask({ do: 'urgentWrite', text: ' calm', urgent: false });
      await expect.poll(() => printed, PATIENTLY).toContain(' calm');
      python.kill('SIGTERM');
      await closed;
      await stack.next('urgentClose');
      // The kernel stops in front of the last urgent byte (net.ipv4.tcp_stdurg = 0), [S-099] which is `p`.
      expect([printed.replace('mark', '|').replaceAll('\n', ''), failed]).toEqual(['calm hel|p calm', '']);
      const captured = await seen.stop();
      for (const side of [captured.stack, captured.kernel]) {
        expect(side.filter(({ flags, urgentPointer }) => flags & TcpFlag.URG && urgentPointer > 0)).not.toEqual([]);
      }
    });
  });
});
