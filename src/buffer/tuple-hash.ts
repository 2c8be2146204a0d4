/**
 * Light keyed hashes for tables: a peer that does not know the key can't aim for one bucket by choosing ports and
 * addresses, and neighbours spread evenly. Not for secrets: `KeyedHash` is for those. Inputs are int32, the result
 * is a uint32.
 */

const ODD_1 = 0x9e37_79b1;
const ODD_2 = 0x85eb_ca6b;
const ODD_3 = 0xc2b2_ae35;

/** Works four words into a running hash `h`, which begins as any key; `finishHash` completes it. */
export function mix4(h: number, key: number, a: number, b: number, c: number, d: number): number {
  let x = Math.imul(h ^ a, ODD_1);
  x = Math.imul((((x << 13) | (x >>> 19)) + key) ^ b, ODD_2);
  x = Math.imul((((x << 13) | (x >>> 19)) + key) ^ c, ODD_1);
  x = Math.imul((((x << 13) | (x >>> 19)) + key) ^ d, ODD_2);
  return x ^ (x >>> 15);
}

/** Spreads every bit of a running hash over all 32: the finish of MurmurHash3 (Appleby). */
export function finishHash(h: number): number {
  let x = Math.imul(h ^ (h >>> 16), ODD_2);
  x = Math.imul(x ^ (x >>> 13), ODD_3);
  return (x ^ (x >>> 16)) >>> 0;
}

/**
 * The hash of a connection: local and remote address as four words each, and `localPort << 16 | remotePort`.
 * `key0` and `key1` are random and belong to the table.
 */
export function tupleHash(
  key0: number,
  key1: number,
  localA: number,
  localB: number,
  localC: number,
  localD: number,
  remoteA: number,
  remoteB: number,
  remoteC: number,
  remoteD: number,
  ports: number,
): number {
  const local = mix4(key0, key1, localA, localB, localC, localD);
  const both = mix4(local, key1, remoteA, remoteB, remoteC, remoteD);
  return finishHash(Math.imul(both ^ ports, ODD_1) + key1);
}
