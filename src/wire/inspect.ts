/** Under this name Node's `util.inspect`, and with it `console.log`, looks for how an object is to be shown; others ignore it. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** Objects with this prototype are shown as their class and their text: `Address 10.0.0.1`. */
export function showText(prototype: { toString(): string }, className: string): void {
  const value = function (this: { toString(): string }): string {
    return `${className} ${this.toString()}`;
  };
  Object.defineProperty(prototype, INSPECT, { value, writable: true, configurable: true });
}
