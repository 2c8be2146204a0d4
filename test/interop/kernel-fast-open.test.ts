import { describe, expect, it } from 'vitest';
import { seqDiff } from '../../src/buffer/seq.ts';
import type { PacketValue } from '../../src/wire/packet.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import { captureOn, optionOf } from '../support/kernel-capture.ts';
import { KERNEL, PATIENTLY, STACK, withStack } from '../support/kernel.ts';
import type { Namespace } from '../support/namespace.ts';
import { canUseTun } from '../support/namespace.ts';
import { contentHash } from './fixtures/content.mjs';

const unavailable = canUseTun('ping', 'python3', 'sysctl', 'tcpdump');

const KERNEL_SIDE = new URL('fixtures/fast-open.py', import.meta.url).pathname;
const PORT = 5000;
const LENGTH = 1000;

/** A SYN or SYN-ACK as it crossed the wire. */
interface SynSeen {
  from: 'stack' | 'kernel';
  kind: 'SYN' | 'SYN-ACK';
  /** Bytes of data that it carries; or, a SYN-ACK, acknowledges. */
  data: number;
  /** Bytes of the cookie; 0 where one is asked for. */
  cookie: number | undefined;
}

/** The SYNs that passed tun0 while `play` ran. */
async function synsOf(ns: Namespace, play: () => Promise<void>): Promise<SynSeen[]> {
  const capture = await captureOn(ns);
  await play();
  const { packets } = await capture.stop();
  return describeSyns(packets.filter(({ tcp }) => tcp !== undefined && (tcp.flags & TcpFlag.SYN) !== 0));
}

function describeSyns(packets: readonly PacketValue[]): SynSeen[] {
  let sequence = 0;
  return packets.map(({ ip, tcp }) => {
    const segment = tcp!;
    const isAnswer = (segment.flags & TcpFlag.ACK) !== 0;
    if (!isAnswer) sequence = segment.sequence;
    return {
      from: ip.source.toString() === STACK ? 'stack' : 'kernel',
      kind: isAnswer ? 'SYN-ACK' : 'SYN',
      data: isAnswer ? seqDiff(segment.acknowledgment, sequence) - 1 : segment.payload.length,
      cookie: optionOf(segment, 'fastOpen')?.cookie.byteLength,
    };
  });
}

/** A connection that gets a cookie, and one that uses it. */
function expectFastOpen(syns: readonly SynSeen[], client: 'stack' | 'kernel'): void {
  const server = client === 'stack' ? 'kernel' : 'stack';
  expect(syns).toEqual([
    { from: client, kind: 'SYN', data: 0, cookie: 0 },
    { from: server, kind: 'SYN-ACK', data: 0, cookie: 8 },
    { from: client, kind: 'SYN', data: LENGTH, cookie: 8 },
    { from: server, kind: 'SYN-ACK', data: LENGTH, cookie: undefined },
  ]);
}

/** Both sides of the kernel's Fast Open. */
async function enable(ns: Namespace): Promise<void> {
  const { status } = await ns.run('sysctl', ['-qw', 'net.ipv4.tcp_fastopen=3']);
  expect(status).toBe(0);
}

describe.skipIf(unavailable)('a stack behind TUN and the kernel: TCP Fast Open', () => {
  it('[S-097] the kernel connects to the stack: the second SYN carries the request', async () => {
    await withStack(async ({ ns }) => {
      await enable(ns);
      let said = '';
      const syns = await synsOf(ns, async () => {
        const { stdout, stderr } = await ns.run('python3', [KERNEL_SIDE, 'client', STACK, '7', `${LENGTH}`, '2']);
        expect(stderr).toBe('');
        said = stdout;
      });
      expect(said.trim().split('\n')).toEqual([`${LENGTH} plain`, `${LENGTH} syn-data`]);
      expectFastOpen(syns, 'kernel');
    });
  });

  it('[S-097] the stack connects to the kernel: the second SYN carries the first write of a net socket', async () => {
    await withStack(async ({ ns, stack }) => {
      await enable(ns);
      const server = ns.spawn('python3', [KERNEL_SIDE, 'server', `${PORT}`, '2']);
      let said = '';
      server.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
      await expect.poll(() => said, PATIENTLY).toContain('ready');
      const outcomes: unknown[] = [];
      const syns = await synsOf(ns, async () => {
        for (let i = 0; i < 2; i++) {
          const tcp = { fastOpen: true };
          const { id } = await stack.ask({ do: 'connect', host: KERNEL, port: PORT, tcp, first: LENGTH });
          await stack.ask({ do: 'end', id });
          outcomes.push((await stack.ask({ do: 'info', id }))['fastOpen']);
          const answer = { event: 'receive', bytes: LENGTH, hash: contentHash(LENGTH) };
          expect(await stack.ask({ do: 'receive', id })).toEqual(answer);
          await stack.next('close');
        }
      });
      expect(outcomes).toEqual(['requested', 'accepted']);
      await expect.poll(() => said.trim().split('\n'), PATIENTLY).toHaveLength(3);
      expect(said.trim().split('\n')).toEqual(['ready', `${LENGTH} plain`, `${LENGTH} syn-data`]);
      expectFastOpen(syns, 'stack');
    });
  });

  it('[S-097] a kernel that does not offer it: the request follows the handshake', async () => {
    await withStack(async ({ ns, stack, startKernel }) => {
      await startKernel();
      const tcp = { fastOpen: true };
      const syns = await synsOf(ns, async () => {
        const { id } = await stack.ask({ do: 'connect', host: KERNEL, port: 7, tcp, first: LENGTH });
        await stack.ask({ do: 'end', id });
        const answer = { event: 'receive', bytes: LENGTH, hash: contentHash(LENGTH) };
        expect(await stack.ask({ do: 'receive', id })).toEqual(answer);
        await stack.next('close');
      });
      expect(syns.map(({ data, cookie }) => [data, cookie])).toEqual([
        [0, 0],
        [0, undefined],
      ]);
    });
  });
});
