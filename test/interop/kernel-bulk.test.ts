import { describe, expect, it } from 'vitest';
import type { Captured } from '../support/kernel-capture.ts';
import { captureOn, optionOf, sackers } from '../support/kernel-capture.ts';
import { connect, part, PATIENTLY, transfer, withStack } from '../support/kernel.ts';
import { canUseTun } from '../support/namespace.ts';
import type { KernelSocket } from '../support/socket-statistics.ts';
import { kernelSocket, numberOf } from '../support/socket-statistics.ts';
import type { TcpSegment } from '../../src/wire/tcp.ts';

const unavailable = canUseTun('tcpdump', 'ping', 'ss');

const PORT = 5000;
const BYTES = 3_000_000;

describe.skipIf(unavailable)('bulk between a stack behind TUN and the kernel, on a clean link', () => {
  it.each([
    ['stack', 'auto'],
    ['kernel', 'auto'],
    ['stack', false],
    ['kernel', false],
  ] as const)(
    '[MUST-14] [S-063] options are agreed and used, and `ss` finds the numbers sane; the %s connects, offload: %j',
    async (client, offload) => {
      await withStack(
        async ({ ns, stack, startKernel }) => {
          const kernel = await startKernel();
          const seen = await captureOn(ns);
          const server = client === 'stack' ? kernel : stack;
          await server.ask({ do: 'listen', port: PORT });
          const ends = await connect(client, { stack, kernel }, { port: PORT });
          await transfer(ends.ours, ends.theirs, BYTES);
          await transfer(ends.theirs, ends.ours, BYTES);
          const filter = [client === 'stack' ? 'sport' : 'dport', String(PORT)];
          await expect
            .poll(async () => numberOf(await kernelSocket(ns, filter), 'bytes_acked'), PATIENTLY)
            .toBeGreaterThanOrEqual(BYTES);
          expectSane(await kernelSocket(ns, filter));
          expect(await stack.ask({ do: 'info', id: ends.ours.id })).toMatchObject({
            mss: 1448,
            sack: true,
            timestamps: true,
            bytesReceived: BYTES,
          });
          await part(ends);
          const captured = await seen.stop();
          // Super-segments are no segments as a wire has them.
          if (offload === false) expectAgreed(captured, client);
        },
        { offload },
      );
    },
  );
});

function expectSane(socket: KernelSocket): void {
  const { state, flags, values, text } = socket;
  expect(state).toBe('ESTAB');
  expect([...flags]).toEqual(expect.arrayContaining(['ts', 'sack']));
  expect(values.get('wscale'), text).toMatch(/^9,\d+$/);
  expect(numberOf(socket, 'mss'), text).toBe(1448);
  expect(numberOf(socket, 'advmss'), text).toBe(1448);
  expect(numberOf(socket, 'pmtu'), text).toBe(1500);
  expect(numberOf(socket, 'cwnd'), text).toBeGreaterThanOrEqual(10);
  expect(numberOf(socket, 'rtt'), text).toBeGreaterThan(0);
  // The SYN counts.
  expect(numberOf(socket, 'bytes_acked') - BYTES, text).toBeOneOf([0, 1]);
  expect(numberOf(socket, 'bytes_received'), text).toBe(BYTES);
  // On a busy machine our ACK may come after a tail loss probe, which is a duplicate then: our D-SACK says so.
  expect(numberOf(socket, 'bytes_retrans'), text).toBeLessThanOrEqual(1448 * numberOf(socket, 'dsack_dups'));
  expect(numberOf(socket, 'rcv_ooopack'), text).toBe(0);
}

function expectAgreed({ stack, kernel }: Captured, client: 'stack' | 'kernel'): void {
  for (const segments of [stack, kernel]) {
    const [syn, ...rest] = segments as [TcpSegment, ...TcpSegment[]];
    expect(optionOf(syn, 'mss')).toEqual({ name: 'mss', value: 1460 });
    expect(optionOf(syn, 'sackPermitted')).toBeDefined();
    expect(optionOf(syn, 'windowScale')).toBeDefined();
    // RFC 7323 §3.2: from now on in every segment.
    expect(segments.filter((segment) => optionOf(segment, 'timestamps') === undefined)).toEqual([]);
    // Nothing was lost: there are no gaps to tell of.
    expect(sackers(rest)).toEqual([]);
    expect(Math.max(...rest.map(({ payload }) => payload.length))).toBe(1448);
    expect(rest.reduce((sum, { payload }) => sum + payload.length, 0)).toBeGreaterThanOrEqual(BYTES);
    // The window is more than 16 bits can say: the scale is used.
    const scale = optionOf(syn, 'windowScale')!.shift;
    expect(Math.max(...rest.map(({ window }) => window << scale))).toBeGreaterThan(65_535);
  }
  // The first SYN-ACK echoes the SYN's timestamp.
  const [asks, answers] = client === 'stack' ? [stack, kernel] : [kernel, stack];
  expect(optionOf(answers[0]!, 'timestamps')!.echo).toBe(optionOf(asks[0]!, 'timestamps')!.value);
}
