import { KeyedHash, TUPLE_WORDS, loadTuple } from '../buffer/keyed-hash.ts';
import type { Random } from '../time/clock.ts';
import type { AddressWords } from '../wire/address.ts';

/** Microseconds a tick. */
const TICK = 4;

/**
 * Initial sequence numbers: `ISN = M + F(localip, localport, remoteip, remoteport, secretkey)` (RFC 6528 §3). A new
 * incarnation of a connection begins above the old one; nobody without the key can tell where.
 */
export class IsnGenerator {
  readonly #hash: KeyedHash;
  readonly #words: Int32Array = new Int32Array(TUPLE_WORDS);

  /** @param random gives the secret key, 128 bits ([MUST-9] RFC 9293 §3.4.1). */
  constructor(random: Random) {
    this.#hash = new KeyedHash(random);
  }

  /** The initial sequence number of a connection made at `now` microseconds. */
  generate(local: AddressWords, localPort: number, remote: AddressWords, remotePort: number, now: number): number {
    // [MUST-8] RFC 9293 §3.4.1: M, a 32-bit timer that ticks every 4 microseconds; modulo 2³² before the sum, which
    // then stays exact.
    const m = Math.floor(now / TICK) % 0x1_0000_0000;
    // [SHLD-1] [S-059] RFC 6528 §3.
    return (m + this.#f(local, localPort, remote, remotePort)) >>> 0;
  }

  /**
   * Where the timestamps of a connection begin ([S-064] RFC 7323 §5.4): the other half of the hash, so that neither
   * number tells anything of the other. The same whenever the connection is made.
   */
  timestampOffset(local: AddressWords, localPort: number, remote: AddressWords, remotePort: number): number {
    this.#f(local, localPort, remote, remotePort);
    return this.#hash.high;
  }

  #f(local: AddressWords, localPort: number, remote: AddressWords, remotePort: number): number {
    const words = this.#words;
    loadTuple(words, local, remote, (localPort << 16) | remotePort);
    return this.#hash.hash(words, TUPLE_WORDS);
  }
}
