import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { seqAdd } from '../../src/buffer/seq.ts';
import type { PacketValue } from '../../src/wire/packet.ts';
import { parsePacket } from '../../src/wire/packet.ts';
import type { TcpSegment } from '../../src/wire/tcp.ts';
import { TcpFlag } from '../../src/wire/tcp.ts';
import { parseTcpOptions } from '../../src/wire/tcp-option-list.ts';
import type { Scene } from '../support/kernel.ts';
import { PATIENTLY, STACK, withStack } from '../support/kernel.ts';
import type { Namespace } from '../support/namespace.ts';
import { canUseTun } from '../support/namespace.ts';
import { readPcap } from '../support/pcap.ts';

const unavailable = canUseTun('curl', 'tcpdump');

const BODY = 2_000_000;

/** Captures what the kernel sees on tun0 while `play` runs, to the end of a TCP connection, as a file. */
async function captured(ns: Namespace, file: string, play: () => Promise<void>): Promise<void> {
  const args = ['-i', 'tun0', '-w', file, '-U', '--immediate-mode', '-s', '2000', '-B', '32768', '-Z', 'root', 'tcp'];
  const tcpdump = ns.spawn('tcpdump', args);
  let said = '';
  tcpdump.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await expect.poll(() => said, PATIENTLY).toContain('listening on');
  await play();
  const fins = async (): Promise<number> =>
    (await ns.run('tcpdump', ['-nr', file, 'tcp[tcpflags] & tcp-fin != 0'])).stdout.split('Flags').length - 1;
  await expect.poll(fins, PATIENTLY).toBe(2);
  tcpdump.kill('SIGTERM');
  await expect.poll(() => said, PATIENTLY).toMatch(/\n0 packets dropped by kernel/);
}

/** The segments of one direction. */
function segmentsFrom(packets: readonly PacketValue[], sender: 'stack' | 'kernel'): TcpSegment[] {
  return packets.filter(({ ip }) => (ip.source.toString() === STACK) === (sender === 'stack')).map(({ tcp }) => tcp!);
}

describe.skipIf(unavailable)('a transfer from a stack to the kernel, as tcpdump sees it on the other side', () => {
  it('[MUST-2] [MUST-14] [S-063] sums are right, MSS and window scale agreed, nothing is sent twice', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'usernet-'));
    try {
      const play = async ({ ns }: Scene): Promise<void> => {
        const file = join(folder, 'transfer.pcap');
        await captured(ns, file, async () => {
          const { status } = await ns.run('curl', ['-s', '-o', join(folder, 'body'), `http://${STACK}/bytes/${BODY}`]);
          expect(status).toBe(0);
        });
        expectCleanByTcpdump((await ns.run('tcpdump', ['-vvv', '-nr', file])).stdout);
        expectClean(readFileSync(file));
      };
      // As a wire has it.
      await withStack(play, { offload: false });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** An independent reader's opinion. */
function expectCleanByTcpdump(text: string): void {
  expect(text).toContain('(correct)');
  expect(text).not.toMatch(/incorrect|bad cksum|truncated|\[bad|invalid/);
}

function expectClean(file: Uint8Array): void {
  const packets = readPcap(file).map((bytes) => parsePacket(bytes) as PacketValue);
  for (const packet of packets) {
    expect(packet).toHaveProperty('tcp');
    // `parsePacket` leaves out a checksum that is right.
    expect(packet.tcp).not.toHaveProperty('checksum');
  }
  const ours = segmentsFrom(packets, 'stack');
  const theirs = segmentsFrom(packets, 'kernel');
  expectHandshake(theirs[0]!, ours[0]!);
  expectInOrder(ours);
  expect(ours.reduce((sum, { payload }) => sum + payload.length, 0)).toBeGreaterThan(BODY);
  // No reset, and one FIN from each side.
  for (const side of [ours, theirs]) {
    expect(side.filter(({ flags }) => flags & TcpFlag.RST)).toEqual([]);
    expect(side.filter(({ flags }) => flags & TcpFlag.FIN)).toHaveLength(1);
  }
}

function expectHandshake(syn: TcpSegment, synAck: TcpSegment): void {
  expect([syn.flags, synAck.flags]).toEqual([TcpFlag.SYN, TcpFlag.SYN | TcpFlag.ACK]);
  for (const segment of [syn, synAck]) {
    const options = parseTcpOptions(segment.options);
    expect(options).toContainEqual({ name: 'mss', value: 1460 });
    expect(options.some(({ name }) => name === 'windowScale')).toBe(true);
  }
}

/** Each segment begins where the one before it ended. */
function expectInOrder(segments: readonly TcpSegment[]): void {
  let next = segments[0]!.sequence;
  for (const { sequence, flags, payload } of segments) {
    expect(sequence).toBe(next);
    expect(payload.length).toBeLessThanOrEqual(1460);
    const numbered = payload.length + (flags & TcpFlag.SYN ? 1 : 0) + (flags & TcpFlag.FIN ? 1 : 0);
    next = seqAdd(next, numbered);
  }
}
