import { KeyedHash } from '../buffer/keyed-hash.ts';
import type { Random } from '../time/clock.ts';
import { uniform } from '../time/seeded-random.ts';
import type { AddressWords } from '../wire/address.ts';

/** Ephemeral ports, first and last. Linux: net.ipv4.ip_local_port_range. RFC 6056 §3.2 asks for a wide range. */
export const EPHEMERAL_PORTS = { first: 32_768, last: 60_999 } as const;

const COUNT = EPHEMERAL_PORTS.last - EPHEMERAL_PORTS.first + 1;
/** RFC 6056 §3.3.4: TABLE_LENGTH, a power of two. */
const TABLE_LENGTH = 1024;

/**
 * Chooses ephemeral ports. [S-060] RFC 6056 §3.3.4, algorithm 4 (double-hash): unpredictable from outside, and towards
 * one peer each port is reused as late as possible.
 */
export class EphemeralPorts {
  readonly #random: Random;
  readonly #offset: KeyedHash;
  readonly #index: KeyedHash;
  readonly #table: Uint32Array = new Uint32Array(TABLE_LENGTH);
  readonly #words: Int32Array = new Int32Array(9);

  constructor(random: Random) {
    this.#random = random;
    this.#offset = new KeyedHash(random);
    this.#index = new KeyedHash(random);
    for (let i = 0; i < TABLE_LENGTH; i++) this.#table[i] = random.uint32();
  }

  /** A port for a connection to a known peer; undefined when `isFree` refuses all. */
  forPeer(
    local: AddressWords,
    remote: AddressWords,
    remotePort: number,
    isFree: (port: number) => boolean,
  ): number | undefined {
    const words = this.#words;
    words.set([local.a, local.b, local.c, local.d, remote.a, remote.b, remote.c, remote.d, remotePort]);
    const offset = this.#offset.hash(words, 9);
    const index = this.#index.hash(words, 9) % TABLE_LENGTH;
    for (let tries = 0; tries < COUNT; tries++) {
      const port = EPHEMERAL_PORTS.first + ((offset + this.#table[index]!++) % COUNT);
      if (isFree(port)) return port;
    }
    return undefined;
  }

  /** A port to listen or wait on, with no peer known: RFC 6056 §3.3.1, algorithm 1. */
  any(isFree: (port: number) => boolean): number | undefined {
    const start = uniform(this.#random, COUNT);
    for (let tries = 0; tries < COUNT; tries++) {
      const port = EPHEMERAL_PORTS.first + ((start + tries) % COUNT);
      if (isFree(port)) return port;
    }
    return undefined;
  }
}
