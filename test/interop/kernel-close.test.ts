import { describe, expect, it } from 'vitest';
import { seqAdd, seqGe, seqLt } from '../../src/buffer/seq.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import type { TcpSegment } from '../../src/wire/tcp.ts';
import { captureOn } from '../support/kernel-capture.ts';
import { arrived, connect, part, PATIENTLY, STACK, transfer, withStack } from '../support/kernel.ts';
import { canUseTun } from '../support/namespace.ts';
import { kernelSockets, numberOf } from '../support/socket-statistics.ts';

const unavailable = canUseTun('tcpdump', 'ping', 'ss');

const PORT = 5000;

function withFlag(segments: readonly TcpSegment[], flag: number): TcpSegment[] {
  return segments.filter(({ flags }) => flags & flag);
}

describe.skipIf(unavailable)('a stack behind TUN and the kernel: the end of a connection', () => {
  it('both sides close at once: the FINs cross, we go through CLOSING', async () => {
    // Our FIN goes out again and again while it is on its way.
    const options = { states: true, impair: {}, drops: ['tcp-r1'] };
    await withStack(async ({ ns, stack, startKernel }) => {
      const kernel = await startKernel();
      await stack.ask({ do: 'listen', port: PORT });
      const { ours, theirs } = await connect('kernel', { stack, kernel }, { port: PORT });
      await transfer(ours, theirs, 1000);
      const seen = await captureOn(ns);
      // Ours waits on the line until the kernel has sent its own.
      await stack.ask({ do: 'impair', changes: { send: { delay: 800 } } });
      await stack.ask({ do: 'end', id: ours.id });
      await kernel.ask({ do: 'end', id: theirs.id });
      for (const path of ['FIN_WAIT_1', 'CLOSING', 'TIME_WAIT']) {
        const states = async (): Promise<unknown> => (await stack.next('state'))['to'];
        await expect.poll(states, { ...PATIENTLY, interval: 0 }).toBe(path);
      }
      await stack.ask({ do: 'receive', id: ours.id });
      await kernel.ask({ do: 'receive', id: theirs.id });
      await stack.next('close');
      await kernel.next('close');
      expect((await kernelSockets(ns, ['dport', String(PORT)])).map(({ state }) => state)).toEqual(['TIME-WAIT']);
      const captured = await seen.stop();
      const [fin] = withFlag(captured.stack, TcpFlag.FIN) as [TcpSegment];
      const [theirFin] = withFlag(captured.kernel, TcpFlag.FIN) as [TcpSegment];
      // Neither acknowledges the other.
      expect(seqLt(fin.acknowledgment, seqAdd(theirFin.sequence, 1))).toBe(true);
      expect(seqLt(theirFin.acknowledgment, seqAdd(fin.sequence, 1))).toBe(true);
      expect(captured.stack.at(-1)!.acknowledgment).toBe(seqAdd(theirFin.sequence, 1));
      expect(captured.kernel.at(-1)!.acknowledgment).toBe(seqAdd(fin.sequence, 1));
      expect(withFlag([...captured.stack, ...captured.kernel], TcpFlag.RST)).toEqual([]);
    }, options);
  });

  it.each(['stack', 'kernel'] as const)('the %s half-closes: megabytes still flow the other way', async (first) => {
    await withStack(async ({ ns, stack, startKernel }) => {
      const kernel = await startKernel();
      await stack.ask({ do: 'listen', port: PORT });
      const ends = await connect('kernel', { stack, kernel }, { port: PORT });
      const [closer, other] = first === 'stack' ? [ends.ours, ends.theirs] : [ends.theirs, ends.ours];
      await closer.side.ask({ do: 'end', id: closer.id });
      expect(await other.side.ask({ do: 'receive', id: other.id })).toEqual(arrived(0));
      const kernelState = async (): Promise<unknown> => (await kernelSockets(ns, ['dport', String(PORT)]))[0]?.state;
      await expect.poll(kernelState, PATIENTLY).toBe(first === 'kernel' ? 'FIN-WAIT-2' : 'CLOSE-WAIT');
      const { state } = await stack.ask({ do: 'info', id: ends.ours.id });
      expect(state).toBe(first === 'stack' ? 'FIN_WAIT_2' : 'CLOSE_WAIT');
      await transfer(other, closer, 3_000_000);
      await other.side.ask({ do: 'end', id: other.id });
      await closer.side.ask({ do: 'receive', id: closer.id });
      await stack.next('close');
      await kernel.next('close');
    });
  });

  it.each(['stack', 'kernel'] as const)('[MUST-12] the %s aborts: RST, ECONNRESET, nothing is left', async (first) => {
    await withStack(async ({ ns, stack, startKernel }) => {
      const kernel = await startKernel();
      await stack.ask({ do: 'listen', port: PORT });
      const ends = await connect('kernel', { stack, kernel }, { port: PORT });
      const seen = await captureOn(ns);
      const [one, other] = first === 'stack' ? [ends.ours, ends.theirs] : [ends.theirs, ends.ours];
      other.side.tell({ do: 'receive', id: other.id });
      await one.side.ask({ do: 'reset', id: one.id });
      expect(await other.side.next('error')).toMatchObject({ code: 'ECONNRESET' });
      await one.side.next('close');
      await other.side.next('close');
      expect(await kernelSockets(ns, ['dport', String(PORT)])).toEqual([]);
      const captured = await seen.stop();
      expect(withFlag(captured[first], TcpFlag.RST)).toHaveLength(1);
    });
  });

  it.each([
    ['stack', 'kernel', false],
    ['stack', 'kernel', true],
    ['kernel', 'stack', false],
    ['kernel', 'stack', true],
  ] as const)(
    '[MAY-2] [S-095] the %s is in TIME-WAIT; the %s connects again from the same port (timestamps off: %s)',
    async (first, client, plain) => {
      const options = { tcp: { timestamps: !plain } };
      await withStack(async ({ ns, stack, startKernel }) => {
        const kernel = await startKernel();
        const server = client === 'stack' ? kernel : stack;
        await server.ask({ do: 'listen', port: PORT });
        const to = { port: PORT, localPort: 6000 };
        for (let turn = 0; turn < 5; turn++) {
          const ends = await connect(client, { stack, kernel }, to);
          await transfer(ends.ours, ends.theirs, 100_000 + turn);
          await transfer(ends.theirs, ends.ours, 50_000 + turn);
          await part(ends, first);
          await kernel.next('close');
          if (first === 'kernel') {
            const found = await kernelSockets(ns, ['sport', String(PORT)]);
            expect(found.map(({ state }) => state)).toEqual(['TIME-WAIT']);
          } else {
            expect((await stack.ask({ do: 'statistics' }))['tcp']).toMatchObject({ timeWait: 1 });
          }
        }
      }, options);
    },
  );
});

describe.skipIf(unavailable)('a stack behind TUN and the kernel: probes', () => {
  it('[MUST-24] [MUST-27] keep-alive of ours, as the kernel sees it: no byte, one below the next, answered', async () => {
    await withStack(async ({ ns, stack, startKernel }) => {
      const kernel = await startKernel();
      await stack.ask({ do: 'listen', port: PORT });
      const ends = await connect('kernel', { stack, kernel }, { port: PORT });
      await transfer(ends.ours, ends.theirs, 1000);
      const { id } = ends.ours;
      const seen = await captureOn(ns);
      const { segmentsReceived: before } = await stack.ask({ do: 'info', id });
      // The kernel answers such segments at most twice a second: net.ipv4.tcp_invalid_ratelimit.
      await stack.ask({ do: 'set', id, option: 'keepAliveIdle', value: 700 });
      await stack.ask({ do: 'set', id, option: 'keepAlive', value: true });
      const answers = async (): Promise<unknown> => (await stack.ask({ do: 'info', id }))['segmentsReceived'];
      await expect.poll(answers, PATIENTLY).toBeGreaterThanOrEqual(Number(before) + 3);
      const captured = await seen.stop();
      const next = captured.kernel[0]!.acknowledgment;
      const probes = captured.stack;
      expect(probes.length).toBeGreaterThanOrEqual(3);
      for (const probe of probes) {
        expect([probe.sequence, probe.payload.length, probe.flags]).toEqual([seqAdd(next, -1), 0, TcpFlag.ACK]);
      }
      expect(captured.kernel.length).toBe(probes.length);
      await part(ends);
    });
  });

  it('keep-alive of the kernel: its timer runs, and each probe is answered', async () => {
    await withStack(async ({ ns, stack, startKernel }) => {
      const kernel = await startKernel();
      await stack.ask({ do: 'listen', port: PORT });
      const opened = await kernel.ask({ do: 'connect', host: STACK, port: PORT, keepAlive: 1000 });
      const theirs = { side: kernel, id: opened['id'] };
      const ours = { side: stack, id: (await stack.next('connection'))['id'] };
      const filter = ['dport', String(PORT)];
      const seen = await captureOn(ns);
      const timer = async (): Promise<unknown> => (await kernelSockets(ns, filter))[0]!.values.get('timer');
      // (the probes that are not answered): never more than the one that is on its way.
      await expect.poll(timer, PATIENTLY).toMatch(/^\(keepalive,\d+ms,0\)$/);
      const heard = async (): Promise<unknown> => (await stack.ask({ do: 'info', id: ours.id }))['segmentsReceived'];
      const before = Number(await heard());
      await expect.poll(heard, PATIENTLY).toBeGreaterThanOrEqual(before + 3);
      await expect.poll(timer, PATIENTLY).toMatch(/^\(keepalive,[^,]+,0\)$/);
      const captured = await seen.stop();
      const next = captured.stack[0]!.acknowledgment;
      for (const probe of captured.kernel) expect(probe.sequence).toBe(seqAdd(next, -1));
      for (const answer of captured.stack) expect([answer.acknowledgment, answer.payload.length]).toEqual([next, 0]);
      expect(captured.stack.length).toBe(captured.kernel.length);
      await part({ ours, theirs });
    });
  });

  it.each(['stack', 'kernel'] as const)(
    '[MUST-36] [MUST-37] the reader of the %s stops: the other side probes its closed window, and is answered',
    async (reader) => {
      // The kernel's first probes come faster than they are answered, and than it would itself.
      const options = { drops: ['tcp-challenge-limited'] };
      await withStack(async ({ ns, stack, startKernel }) => {
        const kernel = await startKernel();
        await stack.ask({ do: 'listen', port: PORT });
        const ends = await connect('kernel', { stack, kernel }, { port: PORT });
        const [from, to] = reader === 'stack' ? [ends.theirs, ends.ours] : [ends.ours, ends.theirs];
        from.side.tell({ do: 'send', id: from.id, bytes: 30_000_000 });
        const filter = ['dport', String(PORT)];
        const stalled = async (): Promise<boolean> => {
          if (reader === 'stack') {
            return (await kernelSockets(ns, filter))[0]!.values.get('timer')?.startsWith('(persist,') ?? false;
          }
          const { sendWindow, flight } = await stack.ask({ do: 'info', id: ends.ours.id });
          return sendWindow === 0 && flight === 0;
        };
        await expect.poll(stalled, PATIENTLY).toBe(true);
        const seen = await captureOn(ns);
        const { segmentsSent: before } = await stack.ask({ do: 'info', id: ends.ours.id });
        const passed = async (): Promise<unknown> =>
          (await stack.ask({ do: 'info', id: ends.ours.id }))['segmentsSent'];
        await expect.poll(passed, PATIENTLY).toBeGreaterThanOrEqual(Number(before) + 3);
        const captured = await seen.stop();
        const answers = captured[reader];
        const probes = captured[reader === 'stack' ? 'kernel' : 'stack'];
        expect(probes.length).toBeGreaterThanOrEqual(3);
        expect(answers.length).toBeGreaterThanOrEqual(2);
        const edge = answers[0]!.acknowledgment;
        for (const answer of answers) expect([answer.acknowledgment, answer.window]).toEqual([edge, 0]);
        // The kernel asks with an old number and no byte, we with the next byte or as it does: never with more.
        for (const { sequence, payload } of probes) {
          expect(seqGe(seqAdd(edge, 1), seqAdd(sequence, payload.length))).toBe(true);
        }
        expect(await to.side.ask({ do: 'receive', id: to.id, bytes: 30_000_000 })).toEqual(arrived(30_000_000));
        await from.side.next('send');
        expect(numberOf((await kernelSockets(ns, filter))[0]!, 'rcv_ooopack')).toBe(0);
        await part(ends);
      }, options);
    },
  );
});
