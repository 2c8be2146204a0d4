import type { Batch } from '../buffer/batch.ts';
import { requireMethods, usageError } from '../errors.ts';
import type { Clock, Random } from '../time/clock.ts';
import type { AddressWords } from '../wire/address.ts';

/** What a link can do for the stack beyond carrying single packets. */
export interface LinkOffload {
  /** The link takes packets with a `partial` checksum and completes it. */
  readonly checksum: boolean;
  /** Largest TCP super-segment, headers included, in bytes; 0 when the link takes single segments only. */
  readonly tso: number;
  /** The same for UDP datagrams of equal size. */
  readonly uso: number;
}

/** No offload: what a wire, a stream or an impaired link presents. */
export const NO_OFFLOAD: LinkOffload = { checksum: false, tso: 0, uso: 0 };

/**
 * Of a medium that several stacks share, each with the same addresses: do the packets of this flow come to this link? Without a
 * peer: do those of all flows of the port?
 */
export type OwnsFlow = (localPort: number, remote?: AddressWords, remotePort?: number) => boolean;

/**
 * A way for packets to leave and enter: the one interface that a user implements for a new medium.
 *
 * Bytes are lent for the call: whoever keeps them copies (a `retained` batch excepted). `linkSuite` tests a link for
 * the rules written here.
 */
export interface Link {
  readonly medium: 'ip' | 'ethernet';
  /** The card's hardware address, 6 bytes, on Ethernet. */
  readonly address?: Uint8Array;
  /** Largest IP packet in bytes, Ethernet header not counted. */
  readonly mtu: number;
  /** Packets can pass now. Changes are told by `host.changed()`. */
  readonly up: boolean;
  readonly offload: LinkOffload;
  /** Set where other stacks have other flows of the same addresses: the stack chooses ports whose answers come to it. */
  readonly ownsFlow?: OwnsFlow | undefined;
  /**
   * Starts the link. `host.receive` is never called from inside `open`. Rejects or throws with the device's error;
   * a link is opened at most once.
   */
  open(host: LinkHost): void | Promise<void>;
  /**
   * Sends packets in order and returns how many it took. The rest stay the caller's, to be offered again after
   * `host.writable()`. Never throws, never calls `host.receive`. A link that is down or closed takes all and drops them.
   */
  send(batch: Batch): number;
  /** Ends the link; idempotent. After the call no callback comes. */
  close(): void | Promise<void>;
}

/** What a link is given when it is opened. */
export interface LinkHost {
  readonly clock: Clock;
  readonly random: Random;
  /** Packets have arrived. The batch and its bytes are lent for the call. */
  receive(batch: Batch): void;
  /** After `send` took less than all: there is room again. */
  writable(): void;
  /** `up`, `mtu` or `offload` changed. */
  changed(): void;
  /** The device is gone; with an error unless it was ended in order. Called at most once, never after `close()`. */
  closed(error?: Error): void;
}

/**
 * Throws unless `link` is one.
 *
 * @throws ERR_INVALID_ARG_TYPE
 */
export function requireLink(link: unknown): asserts link is Link {
  if (Array.isArray(link)) {
    const message = 'link must be one link, not an array: attach one end of a cable, const [a, b] = cable()';
    throw usageError('ERR_INVALID_ARG_TYPE', message);
  }
  requireMethods('link', link, ['open', 'send', 'close'], 'a link, such as one end of a cable()');
}
