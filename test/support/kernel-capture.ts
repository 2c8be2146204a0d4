/**
 * What the kernel sees: a capture by tcpdump of a device in a namespace, as plain values.
 *
 * @example
 * const seen = await captureOn(ns);
 * await transfer(ours, theirs, 1_000_000);
 * const { stack, kernel } = await seen.stop();
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { seqGt, seqLe } from '../../src/buffer/seq.ts';
import type { PacketValue } from '../../src/wire/packet.ts';
import { parsePacket } from '../../src/wire/packet.ts';
import type { TcpSegment } from '../../src/wire/tcp.ts';
import type { TcpOption } from '../../src/wire/tcp-option-list.ts';
import { parseTcpOptions } from '../../src/wire/tcp-option-list.ts';
import { PATIENTLY, STACK } from './kernel.ts';
import type { Namespace } from './namespace.ts';
import { readPcap } from './pcap.ts';

/** An echo request with this in it ends a capture: what is in front of it in the file is all there was. */
const MARK = 'end of capture!!';
/** Its packet mark, for who makes exceptions. */
export const CAPTURE_MARK = 7;
/** Reading the file again and again takes time of its own. */
const SELDOM = { ...PATIENTLY, interval: 50 };

/** What was captured, in the order in which it passed. */
export interface Captured {
  packets: PacketValue[];
  /** The TCP segments of either side. */
  stack: TcpSegment[];
  kernel: TcpSegment[];
}

/** Captures what passes a device, TCP and ICMP, until `stop`. */
export async function captureOn(ns: Namespace, device = 'tun0'): Promise<{ stop(): Promise<Captured> }> {
  const folder = mkdtempSync(join(tmpdir(), 'usernet-'));
  const file = join(folder, 'capture.pcap');
  const options = ['-U', '--immediate-mode', '-s', '2000', '-B', '32768', '-Z', 'root'];
  const tcpdump = ns.spawn('tcpdump', ['-i', device, '-w', file, ...options, 'tcp or icmp']);
  let said = '';
  tcpdump.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await expect.poll(() => said, PATIENTLY).toContain('listening on');
  return {
    async stop() {
      const pattern = Buffer.from(MARK).toString('hex');
      const size = String(MARK.length + 32);
      const mark = String(CAPTURE_MARK);
      await ns.run('ping', ['-c', '1', '-W', '1', '-m', mark, '-s', size, '-p', pattern, STACK]);
      await expect.poll(() => readFileSync(file).includes(MARK), SELDOM).toBe(true);
      tcpdump.kill('SIGTERM');
      await expect.poll(() => said, PATIENTLY).toMatch(/\n0 packets dropped by kernel/);
      const content = readFileSync(file);
      rmSync(folder, { recursive: true });
      return sorted(readPcap(content));
    },
  };
}

function sorted(raw: readonly Uint8Array[]): Captured {
  const all = raw.map((bytes) => parsePacket(bytes)).filter((packet) => typeof packet !== 'string');
  const packets = all.filter(({ icmp }) => icmp === undefined || icmp.type === 3);
  const of = (ours: boolean): TcpSegment[] =>
    packets.filter(({ ip, tcp }) => tcp && (ip.source.toString() === STACK) === ours).map(({ tcp }) => tcp!);
  return { packets, stack: of(true), kernel: of(false) };
}

/** A segment's option of this name. */
export function optionOf<Name extends TcpOption['name']>(
  segment: TcpSegment,
  name: Name,
): Extract<TcpOption, { name: Name }> | undefined {
  return parseTcpOptions(segment.options).find((option) => option.name === name) as
    | Extract<TcpOption, { name: Name }>
    | undefined;
}

/** Segments that tell of ranges beyond a gap (RFC 2018), D-SACKs not counted. */
export function sackers(segments: readonly TcpSegment[]): TcpSegment[] {
  return segments.filter((segment) => {
    const blocks = optionOf(segment, 'sack')?.blocks ?? [];
    return blocks.some(({ left }) => seqGt(left, segment.acknowledgment));
  });
}

/** Segments that tell of octets that came twice: the first block is acknowledged, or inside the second (RFC 2883 §4). */
export function duplicateSackers(segments: readonly TcpSegment[]): TcpSegment[] {
  return segments.filter((segment) => {
    const [first, second] = optionOf(segment, 'sack')?.blocks ?? [];
    if (first === undefined) return false;
    if (seqLe(first.right, segment.acknowledgment)) return true;
    return second !== undefined && seqLe(second.left, first.left) && seqLe(first.right, second.right);
  });
}
