import type { OwnsFlow } from '../link/link.ts';
import { EPHEMERAL_PORTS } from '../stack/ports.ts';
import type { AddressWords } from '../wire/address.ts';

/** One of a device's queues: the `index`-th, from 0, of `of`. */
export interface DeviceQueue {
  readonly index: number;
  readonly of: number;
}

/** Which flows come to this queue: the sum that the kernel does with each packet (native/steering.c, PROGRAM). */
export function flowsOf({ index, of }: DeviceQueue): OwnsFlow {
  return (localPort, remote, remotePort) => {
    if (localPort >= EPHEMERAL_PORTS.first && localPort <= EPHEMERAL_PORTS.last)
      return queueOf(localPort, of) === index;
    if (remote === undefined || remotePort === undefined) return of === 1;
    return queueOf(addressSum(remote) ^ ((remotePort << 16) | localPort), of) === index;
  };
}

function addressSum({ family, a, b, c, d }: AddressWords): number {
  return family === 4 ? d : a ^ b ^ c ^ d;
}

/** Two rounds of multiplication, of which the upper half is shared out. */
function queueOf(sum: number, of: number): number {
  let hash = Math.imul(sum, 0x9e37_79b1);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x85eb_ca6b);
  return ((hash >>> 16) * of) >>> 16;
}
