import { KeyedHash } from '../../buffer/keyed-hash.ts';
import type { Random } from '../../time/clock.ts';
import { Address } from '../../wire/address.ts';
import type { Cidr } from '../../wire/cidr.ts';
import type { SixBytes } from '../../wire/ndp-options.ts';

/** Bits of an interface identifier on Ethernet (RFC 2464 §4, RFC 4291 §2.5.1). */
export const IDENTIFIER_BITS = 64;
/** Bytes of the secret key. */
export const SECRET_LENGTH = 16;

/** The words that are hashed: prefix, hardware address, counter. */
const WORDS = 5;

/**
 * Interface identifiers that stay the same on one network, differ from network to network, and tell nobody anything: [S-049] RFC
 * 7217 §5, `F(Prefix, Net_Iface, DAD_Counter, secret_key)`. F is SipHash-2-4, a pseudorandom function of 64 bits with a key of
 * 128, which is what the RFC asks for. Net_Iface is the hardware address, as in Linux; there is no Network_ID. Where two
 * interfaces have the same one, the later takes the next counter.
 */
export class StableIdentifiers {
  readonly #hash: KeyedHash;
  readonly #words: Int32Array = new Int32Array(WORDS);

  /** @param secret 16 bytes, used for nothing else */
  constructor(secret: Uint8Array) {
    this.#hash = new KeyedHash({ fill: (key) => key.set(secret) });
  }

  /**
   * The address of this interface in a network of 64 bits.
   *
   * @param counter DAD_Counter: how many addresses before this one turned out to be somebody else's
   */
  address({ network }: Cidr, { high, low }: SixBytes, counter: number): Address {
    const words = this.#words;
    words[0] = network.a;
    words[1] = network.b;
    words[2] = high;
    words[3] = low;
    words[4] = counter;
    const d = this.#hash.hash(words, WORDS) | 0;
    return Address.fromWords({ family: 6, a: network.a, b: network.b, c: this.#hash.high | 0, d });
  }
}

/** An address in a network of 64 bits with an identifier that is nothing but random (RFC 8981 §3.3.1). */
export function randomAddress({ network }: Cidr, random: Random): Address {
  const c = random.uint32() | 0;
  return Address.fromWords({ family: 6, a: network.a, b: network.b, c, d: random.uint32() | 0 });
}

/** The address whose identifier is made of the hardware address (RFC 4291 appendix A, RFC 2464 §4): everyone can read it. */
export function eui64Address({ network }: Cidr, { high, low }: SixBytes): Address {
  // The universal/local bit is turned round, and ff:fe stands in the middle.
  const c = ((high ^ 0x0200) << 16) | ((low >>> 16) & 0xff00) | 0xff;
  return Address.fromWords({ family: 6, a: network.a, b: network.b, c, d: (0xfe << 24) | (low & 0xff_ffff) });
}

/** Identifiers that are not for hosts: RFC 5453 §3, and the anycast address of the subnet's routers (RFC 4291 §2.6.1). */
export function isReservedIdentifier({ c, d }: Address): boolean {
  if (c === 0 && d === 0) return true;
  // 0200:5eff:fe00:0000 to 0200:5eff:fe00:5212
  if (c === 0x0200_5eff && d >>> 16 === 0xfe00 && (d & 0xffff) <= 0x5212) return true;
  // fdff:ffff:ffff:ff80 to fdff:ffff:ffff:ffff
  return c >>> 0 === 0xfdff_ffff && d >>> 7 === 0x1ff_ffff;
}
