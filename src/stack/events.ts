import type { Clock } from '../time/clock.ts';
import { raise } from '../time/raise.ts';
import type { DnsConfiguration } from '../ip/ndp/dns.ts';
import type { AddressOrigin, AddressState } from '../ip/ndp/own-address.ts';
import type { Connection } from '../tcp/connection.ts';
import type { RecoveryEvent } from '../tcp/observer.ts';
import type { State, StateEvent } from '../tcp/states.ts';
import type { Interface } from './interface.ts';

/** What a stack tells of, by name: `stack.on(name, listener)`. */
export interface StackEvents {
  /** A connection changed its state, and what moved it. Told at once, before segments that follow from it are sent. */
  'tcp-state': { connection: Connection; from: State; to: State; event: StateEvent };
  /** Loss recovery has found or done something, and why: a loss, a retransmission, the end, an undo. */
  'tcp-recovery': { connection: Connection } & RecoveryEvent;
  /** A link came up or went down; with an error when the device is gone. */
  link: { interface: Interface; up: boolean; error?: Error | undefined };
  /**
   * Another station on Ethernet uses an address of this interface (RFC 5227, RFC 4862 §5.4). It is `kept` and defended, which is
   * told once in ten seconds at most; or it was made by itself or there is `conflictDetection`, and it is not used (any more), since
   * the other had it first.
   */
  'address-conflict': { interface: Interface; address: string; mac: string; kept: boolean };
  /**
   * An IPv6 address that an Ethernet interface has made by itself, or that is tried for duplicates, has another state.
   * `removed`: its time is over. What happens inside `attach` is not told.
   */
  address: { interface: Interface; address: string; origin: AddressOrigin; state: AddressState | 'removed' };
  /** Routers say something else of name servers and search domains: `interface.dns`. */
  dns: { interface: Interface } & DnsConfiguration;
}

/** The names of all events. */
export const STACK_EVENTS: readonly string[] = [
  'tcp-state',
  'tcp-recovery',
  'link',
  'address-conflict',
  'address',
  'dns',
] satisfies (keyof StackEvents)[];

/**
 * Listeners by event name, called in the order they came. What one throws goes where the program's other errors go: it
 * costs neither another listener its event nor a packet its way.
 */
export class Events<Map extends object> {
  readonly #listeners: { [Name in keyof Map]?: ((event: Map[Name]) => void)[] } = {};

  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(name: keyof Map): boolean {
    return (this.#listeners[name]?.length ?? 0) > 0;
  }

  on<Name extends keyof Map>(name: Name, listener: (event: Map[Name]) => void): () => void {
    this.#listeners[name] = [...(this.#listeners[name] ?? []), listener];
    return () => {
      this.#listeners[name] = (this.#listeners[name] ?? []).filter((other) => other !== listener);
    };
  }

  emit<Name extends keyof Map>(name: Name, event: Map[Name]): void {
    for (const listener of this.#listeners[name] ?? []) {
      try {
        listener(event);
      } catch (error) {
        raise(this.#clock, error);
      }
    }
  }
}
