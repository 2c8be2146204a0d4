import type { Batch } from '../buffer/batch.ts';
import { requireCallbacks } from '../errors.ts';
import type { Link, LinkHost, LinkOffload, OwnsFlow } from './link.ts';
import { requireLink } from './link.ts';

/**
 * What watches a link. The batch is lent for the call, as to any receiver; it must not be changed. An error that an
 * observer throws comes out of a deferred function of the host's clock and disturbs neither the link nor its host.
 */
export interface LinkObserver {
  /** The link is about to be opened by `host`. */
  onOpen?(host: LinkHost): void;
  /** The link, being up, has taken the first `count` packets of `batch`. */
  onSend?(batch: Batch, count: number): void;
  /** `batch`, of `count` packets, has arrived; its receiver gets it next. */
  onReceive?(batch: Batch, count: number): void;
}

const OBSERVER_CALLBACKS: readonly string[] = Object.keys({
  onOpen: true,
  onSend: true,
  onReceive: true,
} satisfies Record<keyof LinkObserver, true>);

/**
 * Wraps a link so that an observer sees its packets in both directions; otherwise the link behaves as without.
 * What the link refuses for the moment is not seen until it takes it; what it takes while down not at all.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 * @example
 * const watched = tap(link, { onSend: (batch, count) => (sent += count) });
 */
export function tap(link: Link, observer: LinkObserver): Link {
  requireLink(link);
  requireCallbacks('tap', observer, OBSERVER_CALLBACKS);
  return new Tap(link, observer);
}

class Tap implements Link {
  address?: Uint8Array;
  readonly #inner: Link;
  readonly #observer: LinkObserver;
  #host: LinkHost | undefined;

  constructor(inner: Link, observer: LinkObserver) {
    this.#inner = inner;
    this.#observer = observer;
    this.#readAddress();
  }

  get medium(): 'ip' | 'ethernet' {
    return this.#inner.medium;
  }

  get mtu(): number {
    return this.#inner.mtu;
  }

  get up(): boolean {
    return this.#inner.up;
  }

  get offload(): LinkOffload {
    return this.#inner.offload;
  }

  get ownsFlow(): OwnsFlow | undefined {
    return this.#inner.ownsFlow;
  }

  open(host: LinkHost): void | Promise<void> {
    this.#host = host;
    try {
      this.#observer.onOpen?.(host);
    } catch (error) {
      this.#rethrow(error);
    }
    const opening = this.#inner.open({
      clock: host.clock,
      random: host.random,
      receive: (batch) => {
        this.#see('onReceive', batch, batch.count);
        host.receive(batch);
      },
      writable: () => host.writable(),
      changed: () => {
        this.#readAddress();
        host.changed();
      },
      closed: (error) => host.closed(error),
    });
    this.#readAddress();
    return opening;
  }

  send(batch: Batch): number {
    const { up } = this.#inner;
    const count = this.#inner.send(batch);
    if (up && count > 0) this.#see('onSend', batch, count);
    return count;
  }

  close(): void | Promise<void> {
    return this.#inner.close();
  }

  /** A device may learn its address when it is opened or changed. */
  #readAddress(): void {
    const { address } = this.#inner;
    if (address === undefined) delete this.address;
    else this.address = address;
  }

  #see(event: 'onSend' | 'onReceive', batch: Batch, count: number): void {
    try {
      this.#observer[event]?.(batch, count);
    } catch (error) {
      this.#rethrow(error);
    }
  }

  #rethrow(error: unknown): void {
    this.#host?.clock.defer(() => {
      throw error;
    });
  }
}
