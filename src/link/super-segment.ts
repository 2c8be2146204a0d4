import type { Memory } from '../buffer/memory.ts';

const TCP = 6;
const UDP = 17;

/**
 * Bytes of IP and transport header in front of the payload of a TCP or UDP super-segment; 0 when the packet is
 * neither, or has IPv6 extension headers. The packet begins with the IP header; its own stack has built it, so it is
 * measured, not checked.
 */
export function superSegmentHeaders(memory: Memory, offset: number, length: number): number {
  const { view } = memory;
  if (length < 40) return 0;
  const version = view.getUint8(offset) >>> 4;
  const ip = version === 6 ? 40 : (view.getUint8(offset) & 0x0f) * 4;
  const protocol = view.getUint8(offset + (version === 6 ? 6 : 9));
  if (protocol === UDP) return ip + 8;
  if (protocol !== TCP || length < ip + 20) return 0;
  return ip + (view.getUint8(offset + ip + 12) >>> 4) * 4;
}
