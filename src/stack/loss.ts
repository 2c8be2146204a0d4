import type { ErrorPlace, SystemError } from '../errors.ts';
import { systemError } from '../errors.ts';
import type { AddressWords } from '../wire/address.ts';
import { sameAddress } from '../wire/address.ts';

/** What a stack loses while sockets may depend on it: one of its addresses, or an interface, by index. */
export type Loss = { readonly address: AddressWords } | { readonly device: number };

/** Does a socket with this local address, and bound to this device, depend on it? */
export function concerns(lost: Loss, local: AddressWords, device: number | undefined): boolean {
  return 'address' in lost ? sameAddress(lost.address, local) : lost.device === device;
}

/** What the owner of a socket is told that stays. */
export function lossError(lost: Loss, syscall: string, place: ErrorPlace): SystemError {
  if ('device' in lost) return systemError('ENODEV', syscall, { ...place, hint: 'the interface has gone' });
  return systemError('EADDRNOTAVAIL', syscall, { ...place, hint: 'the address was taken away from the stack' });
}
