import { usageError } from '../../errors.ts';
import type { CongestionController, CongestionFactory, CongestionStart } from './controller.ts';
import { bbr } from './bbr/bbr.ts';
import { cubic } from './cubic.ts';
import { reno } from './reno.ts';

/**
 * Congestion controllers by name.
 *
 * @example
 * congestionControls.register('fixed', ({ mss }) => new Fixed(20 * mss));
 */
export class CongestionControls {
  readonly #factories = new Map<string, CongestionFactory>([
    ['bbr', bbr],
    ['cubic', cubic],
    ['reno', reno],
  ]);

  /**
   * Adds a controller, or replaces the one of that name for connections made from now on.
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
   */
  register(name: string, factory: CongestionFactory): void {
    if (typeof factory !== 'function') {
      throw usageError('ERR_INVALID_ARG_TYPE', 'a congestion controller is registered as a function that makes one');
    }
    if (typeof name !== 'string' || name === '') {
      throw usageError('ERR_INVALID_ARG_VALUE', 'a congestion controller needs a name');
    }
    this.#factories.set(name, factory);
  }

  /** @throws ERR_INVALID_ARG_VALUE for a name that nobody has registered; the message lists the known ones */
  get(name: string): CongestionFactory {
    const factory = this.#factories.get(name);
    if (factory !== undefined) return factory;
    throw usageError('ERR_INVALID_ARG_VALUE', `no congestion control '${name}': there is ${this.names().join(', ')}`);
  }

  has(name: string): boolean {
    return this.#factories.has(name);
  }

  names(): string[] {
    return [...this.#factories.keys()];
  }
}

/** The controllers that the option `congestion` names. */
export const congestionControls: CongestionControls = new CongestionControls();

const NUMBERS = ['cwnd', 'ssthresh'] as const;
const METHODS = ['onAck', 'onCongestion', 'onRecovered', 'onIdle'] as const;

/**
 * Makes the controller that the option `congestion` names.
 *
 * @throws as `get` does; ERR_INVALID_ARG_TYPE when what the factory made is no controller
 */
export function makeCongestion(name: string, start: CongestionStart): CongestionController {
  const made: unknown = congestionControls.get(name)(start);
  const lacks = missing(made);
  if (lacks === undefined) return made as CongestionController;
  throw usageError('ERR_INVALID_ARG_TYPE', `the factory of the congestion control '${name}' must return ${lacks}`);
}

/** What a controller must have and `made` has not; a controller of the user's may be of JavaScript. */
function missing(made: unknown): string | undefined {
  if (typeof made !== 'object' || made === null) return `a controller, not ${String(made)}`;
  for (const name of NUMBERS) {
    const value: unknown = Reflect.get(made, name);
    if (typeof value !== 'number') return `a controller whose ${name} is a number, not ${typeof value}`;
  }
  for (const name of METHODS) {
    if (typeof Reflect.get(made, name) !== 'function') return `a controller with a method ${name}`;
  }
  return undefined;
}
