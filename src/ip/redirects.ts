import { Address, sameAddress } from '../wire/address.ts';
import type { AddressWords } from '../wire/address.ts';
import { Cidr } from '../wire/cidr.ts';
import type { NetworkInterface } from './interface.ts';
import type { Route } from './routes.ts';

/** Hosts to which routers have shown another way, the most; of more the oldest is forgotten. */
const CAPACITY = 256;

/** Single hosts to which another first hop leads than to their network ([S-049] RFC 4861 §8.3). */
export class Redirects {
  /** By the words of the host. */
  readonly #routes = new Map<string, Route>();

  /** The way to a host, while its interface is up. */
  find(host: AddressWords): Route | undefined {
    if (this.#routes.size === 0) return undefined;
    const route = this.#routes.get(keyOf(host));
    return route?.interface.up === true ? route : undefined;
  }

  /** @param via the better router; undefined: the host is on the link */
  set(host: AddressWords, iface: NetworkInterface, via: Address | undefined): void {
    const key = keyOf(host);
    this.#routes.delete(key);
    if (this.#routes.size >= CAPACITY) this.#routes.delete(this.#routes.keys().next().value!);
    const prefix = new Cidr(Address.fromWords(host), 128);
    this.#routes.set(key, { prefix, interface: iface, via, metric: 0, source: undefined, origin: 'redirect' });
  }

  /** Forgets what leads to a neighbour; tells whether that was anything. */
  forget(iface: NetworkInterface, neighbour: AddressWords): boolean {
    const { size } = this.#routes;
    for (const [key, route] of this.#routes) {
      const { via = route.prefix.address } = route;
      if (route.interface === iface && sameAddress(via, neighbour)) this.#routes.delete(key);
    }
    return this.#routes.size < size;
  }

  clear(): void {
    this.#routes.clear();
  }

  list(): Route[] {
    return [...this.#routes.values()];
  }
}

function keyOf({ family, a, b, c, d }: AddressWords): string {
  return `${family} ${a} ${b} ${c} ${d}`;
}
