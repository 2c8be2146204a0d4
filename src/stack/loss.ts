import type { ErrorPlace, SystemError } from '../errors.ts';
import { systemError } from '../errors.ts';
import type { Address, AddressWords } from '../wire/address.ts';
import { sameAddress } from '../wire/address.ts';

/** What a stack loses while sockets may depend on it: an address of one of its interfaces, or an interface, by index. */
export type Loss =
  | { readonly address: AddressWords; readonly interface: { readonly name: string; readonly index: number } }
  | { readonly device: number };

/** Does a socket with this local address, and bound to this device, depend on it? */
export function concerns(lost: Loss, local: Address, device: number | undefined): boolean {
  if ('device' in lost) return lost.device === device;
  if (!sameAddress(lost.address, local)) return false;
  // RFC 4007 §6: the same link-local address of another interface is another; §11.2: a zone is a name or a number.
  const { name, index } = lost.interface;
  return local.zone === undefined || local.zone === name || local.zone === String(index);
}

/** What the owner of a socket is told that stays. */
export function lossError(lost: Loss, syscall: string, place: ErrorPlace): SystemError {
  if ('device' in lost) return systemError('ENODEV', syscall, { ...place, hint: 'the interface has gone' });
  return systemError('EADDRNOTAVAIL', syscall, { ...place, hint: 'the address was taken away from the stack' });
}
