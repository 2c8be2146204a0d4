import nodeNet from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Server } from './server.ts';
import type { Socket } from './socket.ts';

/*
 * Sockets and servers of a stack are instances of `node:net`'s classes by their prototypes. What those have beside the
 * documented API, and some programs use, stands here in terms of that API: Node's own would reach for a native handle
 * (`_listen2` would open a port of the real network).
 */

const SOCKET_INTERNALS: PropertyDescriptorMap & ThisType<Socket> = {
  localAddress: { get: ofAddress('address'), enumerable: true },
  localPort: { get: ofAddress('port'), enumerable: true },
  localFamily: { get: ofAddress('family'), enumerable: true },
  /** Of a tls socket the one below; Node's `_unrefTimer` goes up this chain until it finds null. */
  _parent: { value: null },
  _getpeername: {
    value(this: Socket): object {
      const { remoteAddress: address, remoteFamily: family, remotePort: port } = this;
      return address === undefined ? {} : { address, family, port };
    },
  },
  _getsockname: {
    value(this: Socket): object {
      return this.address();
    },
  },
  _reset: {
    value(this: Socket): Socket {
      return this.resetAndDestroy();
    },
  },
};

const SERVER_INTERNALS: PropertyDescriptorMap & ThisType<Server> = {
  _listen2: {
    value(this: Server, address: string | null, port: number, _family: unknown, backlog: number): void {
      this.listen({ host: address ?? undefined, port, backlog });
    },
  },
};

/** Getters, so that the class has optional properties of these names, as Node's types have. */
function ofAddress(name: keyof AddressInfo): (this: Socket) => unknown {
  return function get() {
    const address: Partial<AddressInfo> = this.address();
    return address[name];
  };
}

export function extendNodeSocket(prototype: Socket): void {
  Object.setPrototypeOf(prototype, nodeNet.Socket.prototype);
  define(prototype, SOCKET_INTERNALS);
  showLike(prototype, nodeNet.Socket.prototype);
}

export function extendNodeServer(prototype: Server): void {
  Object.setPrototypeOf(prototype, nodeNet.Server.prototype);
  define(prototype, SERVER_INTERNALS);
  showLike(prototype, nodeNet.Server.prototype);
}

/** `for … in` shows the members that it shows of Node's prototype: those of a class are hidden otherwise. */
export function showLike(prototype: object, node: object): void {
  for (const name in node) {
    if (Object.hasOwn(prototype, name)) Object.defineProperty(prototype, name, { enumerable: true });
  }
}

/**
 * The prototype that a program sees has as its own what Node's has as its own: programs look for them there, to wrap them
 * or to list them.
 *
 * @param shared what it derives from, which has them
 */
export function ownLike(prototype: object, shared: object, node: object): void {
  for (const key of Reflect.ownKeys(node)) {
    const member = Object.getOwnPropertyDescriptor(shared, key);
    if (member === undefined || Object.hasOwn(prototype, key)) continue;
    const { enumerable = false } = Object.getOwnPropertyDescriptor(node, key)!;
    const get: unknown = Reflect.get(member, 'get');
    if (typeof get === 'function') {
      // As in Node the prototype itself may be asked, by who prints or copies it: there is nothing.
      member.get = function (this: object) {
        return this === prototype ? undefined : (Reflect.apply(get, this, []) as unknown);
      };
    }
    Object.defineProperty(prototype, key, { ...member, enumerable });
  }
}

function define(prototype: object, properties: PropertyDescriptorMap): void {
  for (const [name, descriptor] of Object.entries(properties)) {
    const more = 'value' in descriptor ? { writable: true } : {};
    Object.defineProperty(prototype, name, { ...descriptor, ...more, configurable: true });
  }
}

/**
 * As in Node, `instanceof net.Socket` holds for all that stands on Node's class, too: tls sockets, sockets of paths.
 * Classes that a program derives have only their own instances.
 *
 * @param faces what a program knows as `net.Socket`
 */
export function acceptInstances(faces: readonly object[], node: abstract new (...args: never[]) => object): void {
  const own = Function.prototype[Symbol.hasInstance];
  Object.defineProperty(faces[0], Symbol.hasInstance, {
    configurable: true,
    value(this: object, value: unknown): boolean {
      return faces.includes(this) ? value instanceof node : Reflect.apply(own, this, [value]);
    },
  });
}

/** Node's own way to make a destroyed stream new; it has no public name. */
export function undestroy(stream: Duplex): void {
  const method: unknown = Reflect.get(stream, '_undestroy');
  if (typeof method === 'function') Reflect.apply(method, stream, []);
}
