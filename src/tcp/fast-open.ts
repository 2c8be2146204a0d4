import { KeyedHash } from '../buffer/keyed-hash.ts';
import type { Random } from '../time/clock.ts';
import type { AddressWords } from '../wire/address.ts';

/** Bytes of a cookie (RFC 7413 §4.1.1: 4 to 16). Linux: TCP_FASTOPEN_COOKIE_SIZE. */
const COOKIE_LENGTH = 8;
/** A key makes cookies for so long, and is believed for as long again: they are good for one to two hours. */
const ROTATION_US = 3_600_000_000;

/**
 * A listener's cookies of TCP Fast Open ([S-097] RFC 7413 §4.1.2): a keyed hash of the client's address, which only we
 * can make and which expires as keys change. Nothing is kept of clients.
 */
export class FastOpenCookies {
  readonly #random: Random;
  #current: KeyedHash;
  #previous: KeyedHash | undefined = undefined;
  #since: number;
  readonly #words: Int32Array = new Int32Array(4);
  /** The cookie made last: valid until the next call. */
  readonly #cookie: DataView = new DataView(new ArrayBuffer(COOKIE_LENGTH));

  /** @param now microseconds: the first key is of this age. */
  constructor(random: Random, now: number) {
    this.#random = random;
    this.#current = new KeyedHash(random);
    this.#since = now;
  }

  /** GetCookie: the cookie of a client, in bytes that are valid until the next call. */
  cookieFor(client: AddressWords, now: number): Uint8Array {
    this.#rotate(now);
    return this.#make(this.#current, client);
  }

  /** IsCookieValid. `old`: good, but the client should be given a new one (RFC 7413 §4.2.2). */
  check(client: AddressWords, cookie: Uint8Array, now: number): 'valid' | 'old' | 'invalid' {
    this.#rotate(now);
    if (equal(this.#make(this.#current, client), cookie)) return 'valid';
    if (this.#previous !== undefined && equal(this.#make(this.#previous, client), cookie)) return 'old';
    return 'invalid';
  }

  #rotate(now: number): void {
    const age = now - this.#since;
    if (age < ROTATION_US) return;
    this.#previous = age < 2 * ROTATION_US ? this.#current : undefined;
    this.#current = new KeyedHash(this.#random);
    this.#since = age < 2 * ROTATION_US ? this.#since + ROTATION_US : now;
  }

  #make(hash: KeyedHash, { a, b, c, d }: AddressWords): Uint8Array {
    const words = this.#words;
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
    this.#cookie.setUint32(0, hash.hash(words, words.length));
    this.#cookie.setUint32(4, hash.high);
    return new Uint8Array(this.#cookie.buffer);
  }
}

/** No early end at the first difference: how long it takes tells nothing. */
function equal(ours: Uint8Array, theirs: Uint8Array): boolean {
  if (ours.length !== theirs.length) return false;
  let difference = 0;
  for (let i = 0; i < ours.length; i++) difference |= ours[i]! ^ theirs[i]!;
  return difference === 0;
}

/** What is known of a server. */
export interface FastOpenServer {
  /** Empty when it has given none. */
  readonly cookie: Uint8Array;
  /** The MSS that it announced, at most what Ethernet carries. */
  readonly mss: number;
}

/** One cache entry. */
interface Known {
  cookie: Uint8Array;
  mss: number;
  /** Failures in a row. */
  failures: number;
  /** No data goes in a SYN before then, in microseconds. */
  notBefore: number;
}

/** Servers remembered; the one heard of longest ago gives way. Linux: net.ipv4.tcp_metrics' hash, bounded too. */
const MOST_SERVERS = 256;
/** After a failure Fast Open rests for so long, doubled with each in a row. Linux: tcp_fastopen_blackhole_timeout. */
const BACK_OFF_US = 3_600_000_000;
/** After a SYN that was lost, perhaps by chance, for so long, doubled with each in a row. Linux: tcp_metrics' syn_loss. */
const LOSS_BACK_OFF_US = 60_000_000;
const MOST_DOUBLINGS = 6;
/** More than what Ethernet carries may confuse what is on the way (RFC 7413 §4.1.3: 1460 for IPv4, 1440 for IPv6). */
const MOST_MSS = { 4: 1460, 6: 1440 } as const;

/**
 * A client's cookies of TCP Fast Open ([S-097] RFC 7413 §4.1.3): at most one for each pair of addresses and remote port,
 * and what has failed before (§4.1.3.1).
 */
export class FastOpenCache {
  readonly #servers = new Map<string, Known>();

  /** Servers remembered. */
  get size(): number {
    return this.#servers.size;
  }

  /** What to put into a SYN: a cookie with data, or nothing. */
  find(local: AddressWords, remote: AddressWords, remotePort: number, now: number): FastOpenServer | undefined {
    const known = this.#servers.get(keyOf(local, remote, remotePort));
    return known === undefined || known.cookie.length === 0 || now < known.notBefore ? undefined : known;
  }

  /** Whether a cookie may be asked for: not where that has failed lately. */
  mayAsk(local: AddressWords, remote: AddressWords, remotePort: number, now: number): boolean {
    return now >= (this.#servers.get(keyOf(local, remote, remotePort))?.notBefore ?? -Infinity);
  }

  /** A SYN-ACK brought a cookie: it replaces the one before. The bytes are copied. */
  learn(local: AddressWords, remote: AddressWords, remotePort: number, cookie: Uint8Array, mss: number): void {
    const family = remote.a === 0 && remote.b === 0 && remote.c === 0xffff ? 4 : 6;
    const known = this.#touch(keyOf(local, remote, remotePort));
    known.cookie = cookie.slice();
    known.mss = Math.min(mss, MOST_MSS[family]);
  }

  /** The data of the SYN was acknowledged with it. */
  succeeded(local: AddressWords, remote: AddressWords, remotePort: number): void {
    const known = this.#servers.get(keyOf(local, remote, remotePort));
    if (known === undefined) return;
    known.failures = 0;
    known.notBefore = -Infinity;
  }

  /**
   * The data of a SYN was not acknowledged, or nothing came back at all.
   *
   * @param lost only once: the SYN was answered when it was repeated, without data and option. Most such are lost by
   * chance; what always drops them is known after a few.
   */
  failed(local: AddressWords, remote: AddressWords, remotePort: number, now: number, lost: boolean = false): void {
    const known = this.#touch(keyOf(local, remote, remotePort));
    const rest = lost ? LOSS_BACK_OFF_US : BACK_OFF_US;
    known.notBefore = Math.max(known.notBefore, now + rest * 2 ** Math.min(known.failures, MOST_DOUBLINGS));
    known.failures++;
  }

  /** The entry, made if need be, as the newest. */
  #touch(key: string): Known {
    const known = this.#servers.get(key) ?? { cookie: new Uint8Array(0), mss: 0, failures: 0, notBefore: -Infinity };
    this.#servers.delete(key);
    for (const oldest of this.#servers.keys()) {
      if (this.#servers.size < MOST_SERVERS) break;
      this.#servers.delete(oldest);
    }
    this.#servers.set(key, known);
    return known;
  }
}

function keyOf(local: AddressWords, remote: AddressWords, remotePort: number): string {
  return `${local.a},${local.b},${local.c},${local.d},${remote.a},${remote.b},${remote.c},${remote.d},${remotePort}`;
}
