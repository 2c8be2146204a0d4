import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import type { DuplexOptions } from 'node:stream';

/*
 * Node's classes of old are functions: `net.Socket()` makes a socket without `new`, and `net.Socket.call(this)` makes one
 * of an object that inherits from its prototype (`util.inherits`). A class can't be called; but what its base hands over
 * gets its fields, the private ones, too, whether it was made there or is the program's own.
 */

/** A Duplex, which `onto` becomes where it is given. */
export class DuplexBase extends Duplex {
  constructor(options: DuplexOptions, onto: DuplexBase | undefined) {
    if (onto === undefined) {
      super(options);
      return;
    }
    Duplex.call(onto, options);
    return onto;
  }
}

/** An EventEmitter, which `onto` becomes where it is given. */
export class EmitterBase extends EventEmitter {
  constructor(onto: EmitterBase | undefined) {
    if (onto === undefined) {
      super();
      return;
    }
    EventEmitter.call(onto);
    return onto;
  }
}

/** A class of this kind; `Type` is what a program knows it as. */
type OldClass<Type, Instance> = (new (...args: never[]) => Instance) & Partial<Type>;

/**
 * The class as a program sees it: it may be called as a function, too.
 *
 * @param onto makes one of the object, whose class inherits from this one
 * @param without what a call on any other object does
 */
export function callable<Type extends object, Instance extends object>(
  target: OldClass<Type, Instance>,
  onto: (self: Instance, args: unknown[]) => void,
  without: (args: unknown[], self: unknown) => unknown,
): Type {
  const prototype = target.prototype as object;
  const proxy: object = new Proxy(target, {
    // What is made for a proxy gets a shape of its own from V8 each time, which makes it slow for good.
    construct: (_target, args: never[], newTarget) =>
      Reflect.construct(target, args, newTarget === proxy ? target : newTarget) as object,
    apply(_target, self: unknown, args: unknown[]) {
      if (!Object.prototype.isPrototypeOf.call(prototype, self as object)) return without(args, self);
      onto(self as Instance, args);
      return undefined;
    },
  });
  Object.defineProperty(prototype, 'constructor', { value: proxy, configurable: true, writable: true });
  return proxy as Type;
}
