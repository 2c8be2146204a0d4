import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PacketValue } from '../../src/wire/packet.ts';
import { parsePacket } from '../../src/wire/packet.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import { parseTcpOptions } from '../../src/wire/tcp-option-list.ts';
import { KERNEL, PATIENTLY, STACK, withStack } from '../support/kernel.ts';
import type { Namespace } from '../support/namespace.ts';
import { canUseTun } from '../support/namespace.ts';
import { readPcap } from '../support/pcap.ts';
import { contentHash } from './fixtures/content.mjs';

const unavailable = canUseTun('python3', 'tcpdump');

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

/** The SYNs that the kernel saw on tun0 while `play` ran, which makes `count` connections. */
async function synsOf(ns: Namespace, count: number, play: () => Promise<void>): Promise<SynSeen[]> {
  const folder = mkdtempSync(join(tmpdir(), 'usernet-'));
  try {
    const file = join(folder, 'syns.pcap');
    const filter = 'tcp[tcpflags] & tcp-syn != 0';
    const tcpdump = ns.spawn('tcpdump', ['-i', 'tun0', '-w', file, '-U', '--immediate-mode', '-Z', 'root', filter]);
    let said = '';
    tcpdump.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await expect.poll(() => said, PATIENTLY).toContain('listening on');
    await play();
    const seen = (): PacketValue[] => readPcap(readFileSync(file)).map((bytes) => parsePacket(bytes) as PacketValue);
    await expect.poll(() => seen().length, PATIENTLY).toBe(2 * count);
    tcpdump.kill('SIGTERM');
    return describeSyns(seen());
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function describeSyns(packets: readonly PacketValue[]): SynSeen[] {
  let sequence = 0;
  return packets.map(({ ip, tcp }) => {
    const { flags, options, payload, acknowledgment } = tcp!;
    const option = parseTcpOptions(options).find(({ name }) => name === 'fastOpen');
    const isAnswer = (flags & TcpFlag.ACK) !== 0;
    if (!isAnswer) sequence = tcp!.sequence;
    return {
      from: ip.source.toString() === STACK ? 'stack' : 'kernel',
      kind: isAnswer ? 'SYN-ACK' : 'SYN',
      data: isAnswer ? (acknowledgment - sequence - 1) >>> 0 : payload.length,
      cookie: option?.name === 'fastOpen' ? option.cookie.byteLength : undefined,
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
      const syns = await synsOf(ns, 2, async () => {
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
      const syns = await synsOf(ns, 2, async () => {
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
      const syns = await synsOf(ns, 1, async () => {
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
