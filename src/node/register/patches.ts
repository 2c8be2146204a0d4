/** Replaces properties of objects that others have made, and puts back exactly what was there. */
export class Patches {
  readonly #undone: (() => void)[] = [];

  /** Gives a property another value; what it can and how it is listed stays as it was. */
  value(target: object, name: PropertyKey, value: unknown): void {
    this.#define(target, name, { value, writable: true });
  }

  /** Makes a property one that is computed. */
  getter(target: object, name: PropertyKey, get: () => unknown): void {
    this.#define(target, name, { get });
  }

  /** Puts everything back, the last change first. */
  undo(): void {
    for (let step = this.#undone.pop(); step !== undefined; step = this.#undone.pop()) step();
  }

  #define(target: object, name: PropertyKey, change: PropertyDescriptor): void {
    const before = Object.getOwnPropertyDescriptor(target, name);
    const { enumerable = false } = before ?? {};
    Object.defineProperty(target, name, { ...change, enumerable, configurable: true });
    this.#undone.push(() => {
      if (before === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, before);
    });
  }
}

/** Calls a function that is known by its name only. */
export function invoke(fn: unknown, self: unknown, args: readonly unknown[]): unknown {
  return Reflect.apply(fn as (...args: unknown[]) => unknown, self, args);
}

/** A method as a value, to be called with `invoke`. */
export function methodOf(object: object, name: PropertyKey): unknown {
  return Reflect.get(object, name);
}
