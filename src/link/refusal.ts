import type { Batch } from '../buffer/batch.ts';
import { Checksum } from '../buffer/batch.ts';
import type { Memory } from '../buffer/memory.ts';
import { ETHERNET_HEADER, VLAN_TAG } from './device-options.ts';
import type { MemoryDrop } from './lane.ts';

/** Why a link without offload dropped a packet that was sent into it. */
export type WireDrop = MemoryDrop | 'too-short';

/** The types of tags: IEEE 802.1Q, and 802.1ad for the outer of two. */
const CUSTOMER_TAG = 0x8100;
const SERVICE_TAG = 0x88a8;

/** Why a link without offload will not carry packet `row`; undefined when it will. */
export function wireRefusal(batch: Batch, row: number, medium: 'ip' | 'ethernet', mtu: number): WireDrop | undefined {
  const length = batch.length[row]!;
  // Nobody on the other side completes what offload leaves open.
  if (batch.checksum[row] === Checksum.partial) return 'partial-checksum';
  if (batch.segmentSize[row] !== 0) return 'super-segment';
  if (length < (medium === 'ip' ? 1 : ETHERNET_HEADER)) return 'too-short';
  const front = frontLength(medium, batch.memory[row]!, batch.offset[row]!, length);
  return length - front > mtu ? 'too-big' : undefined;
}

/** Bytes in front of what the MTU limits: on Ethernet the header, with up to two VLAN tags. */
export function frontLength(medium: 'ip' | 'ethernet', { view }: Memory, offset: number, length: number): number {
  if (medium === 'ip') return 0;
  let front = ETHERNET_HEADER;
  while (front <= ETHERNET_HEADER + VLAN_TAG && length >= front) {
    const type = view.getUint16(offset + front - 2);
    if (type !== CUSTOMER_TAG && type !== SERVICE_TAG) break;
    front += VLAN_TAG;
  }
  return front;
}
