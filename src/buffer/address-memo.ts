import { Address, sameAddress } from '../wire/address.ts';
import type { AddressRegister } from '../wire/address.ts';

/** Text addresses read: mostly the same one as the last time. */
export class AddressReader {
  #text: string = '';
  #address: Address | undefined;

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
  read(address: Address | string): Address {
    if (address instanceof Address) return address;
    if (this.#address === undefined || this.#text !== address) {
      this.#address = Address.parse(address);
      this.#text = address;
    }
    return this.#address;
  }
}

/** Addresses of arrived packets as objects: mostly the same one as the last time. */
export class AddressKeeper {
  #last: Address | undefined;

  keep(register: AddressRegister, zone: string | undefined): Address {
    const last = this.#last;
    if (last !== undefined && sameAddress(last, register) && last.zone === zone) return last;
    return (this.#last = register.toAddress(zone));
  }
}

/** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
export function toAddress(address: Address | string): Address {
  return address instanceof Address ? address : Address.parse(address);
}
