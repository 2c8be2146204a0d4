import type { Batch } from '../buffer/batch.ts';
import { Checksum } from '../buffer/batch.ts';
import type { Memory } from '../buffer/memory.ts';
import { ETHERNET_HEADER_LENGTH, ethernetHeaderLength } from '../wire/ethernet.ts';
import { LONGEST_FRONT } from './carrier-options.ts';
import type { MemoryDrop } from './lane.ts';

/** Why a link without offload dropped a packet that was sent into it. */
export type WireDrop = MemoryDrop | 'too-short';

/** Why a link without offload will not carry packet `row`; undefined when it will. */
export function wireRefusal(batch: Batch, row: number, medium: 'ip' | 'ethernet', mtu: number): WireDrop | undefined {
  const length = batch.length[row]!;
  // Nobody on the other side completes what offload leaves open.
  if (batch.checksum[row] === Checksum.partial) return 'partial-checksum';
  if (batch.segmentSize[row] !== 0) return 'super-segment';
  if (length < (medium === 'ip' ? 1 : ETHERNET_HEADER_LENGTH)) return 'too-short';
  const front = frontLength(medium, batch.memory[row]!, batch.offset[row]!, length);
  return length - front > mtu ? 'too-big' : undefined;
}

/** Bytes in front of what the MTU limits: on Ethernet the header, with up to two VLAN tags. */
export function frontLength(medium: 'ip' | 'ethernet', { view }: Memory, offset: number, length: number): number {
  return medium === 'ip' ? 0 : Math.min(ethernetHeaderLength(view, offset, length), LONGEST_FRONT);
}
