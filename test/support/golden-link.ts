import { readFileSync } from 'node:fs';
import { readFrames } from './pcap.ts';

/** Frames that the kernel has sent; test/golden/link/make.sh tells how. */
export const LINK_CAPTURES: URL = new URL('../golden/link/', import.meta.url);

export interface KernelFrame {
  bytes: Uint8Array;
  /** What tcpdump prints about it. */
  line: string;
}

/** The frames of a capture. */
export function kernelFrames(name: string): KernelFrame[] {
  const frames = readFrames(readFileSync(new URL(`${name}.pcap`, LINK_CAPTURES)));
  const lines = readFileSync(new URL(`${name}.txt`, LINK_CAPTURES), 'utf8')
    .trimEnd()
    .split('\n');
  if (lines.length !== frames.length) throw new Error(`${name}: ${lines.length} lines for ${frames.length} frames`);
  return frames.map((bytes, i) => ({ bytes, line: lines[i]! }));
}

/** The first frame of a capture about which tcpdump says this. */
export function kernelFrame(name: string, text: string): Uint8Array {
  const frame = kernelFrames(name).find(({ line }) => line.includes(text));
  if (frame === undefined) throw new Error(`${name} has no frame with ${text}`);
  return frame.bytes;
}
