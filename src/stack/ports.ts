import { KeyedHash, TUPLE_WORDS, loadTuple } from '../buffer/keyed-hash.ts';
import type { Random } from '../time/clock.ts';
import { uniform } from '../time/seeded-random.ts';
import type { AddressWords } from '../wire/address.ts';

/** Ephemeral ports, first and last. Linux: net.ipv4.ip_local_port_range. RFC 6056 §3.2 asks for a wide range. */
export const EPHEMERAL_PORTS = { first: 32_768, last: 60_999 } as const;

const COUNT = EPHEMERAL_PORTS.last - EPHEMERAL_PORTS.first + 1;
/** RFC 6056 §3.3.4: TABLE_LENGTH, a power of two. */
const TABLE_LENGTH = 1024;

/** Peers that are remembered as having no port left, and ports given back for each of them. */
const MAX_EXHAUSTED = 64;
const MAX_FREED = 1024;

/**
 * Chooses ephemeral ports. [S-060] RFC 6056 §3.3.4, algorithm 4 (double-hash): unpredictable from outside, and towards
 * one peer each port is reused as late as possible.
 */
export class EphemeralPorts {
  readonly #random: Random;
  readonly #offset: KeyedHash;
  readonly #index: KeyedHash;
  readonly #table: Uint32Array = new Uint32Array(TABLE_LENGTH);
  readonly #words: Int32Array = new Int32Array(TUPLE_WORDS);
  /** Peers towards whom every port was in use, oldest first, with the ports that were given back since. */
  readonly #exhausted = new Map<string, number[]>();

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
    const words = this.#load(local, remote, remotePort);
    const freed = this.#exhausted.size === 0 ? undefined : this.#exhausted.get(words.join());
    // The whole range was walked in vain: only what was given back since is worth a look, oldest first.
    if (freed !== undefined) return firstFree(freed, isFree);
    const offset = this.#offset.hash(words, TUPLE_WORDS);
    const index = this.#index.hash(words, TUPLE_WORDS) % TABLE_LENGTH;
    for (let tries = 0; tries < COUNT; tries++) {
      const port = EPHEMERAL_PORTS.first + ((offset + this.#table[index]!++) % COUNT);
      if (isFree(port)) return port;
    }
    this.#remember(words.join());
    return undefined;
  }

  /** A connection to this peer has given its port back. */
  release(local: AddressWords, localPort: number, remote: AddressWords, remotePort: number): void {
    if (this.#exhausted.size === 0 || localPort < EPHEMERAL_PORTS.first || localPort > EPHEMERAL_PORTS.last) return;
    const key = this.#load(local, remote, remotePort).join();
    const freed = this.#exhausted.get(key);
    freed?.push(localPort);
    // Plenty: the usual order again.
    if (freed !== undefined && freed.length > MAX_FREED) this.#exhausted.delete(key);
  }

  /** A listener has given its port back: it is free towards every peer. */
  releaseAll(): void {
    this.#exhausted.clear();
  }

  #load(local: AddressWords, remote: AddressWords, remotePort: number): Int32Array {
    const words = this.#words;
    loadTuple(words, local, remote, remotePort);
    return words;
  }

  #remember(peer: string): void {
    for (const oldest of this.#exhausted.keys()) {
      if (this.#exhausted.size < MAX_EXHAUSTED) break;
      this.#exhausted.delete(oldest);
    }
    this.#exhausted.set(peer, []);
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

/** Takes ports off the front until one is free. */
function firstFree(ports: number[], isFree: (port: number) => boolean): number | undefined {
  while (ports.length > 0) {
    const port = ports.shift()!;
    if (isFree(port)) return port;
  }
  return undefined;
}
