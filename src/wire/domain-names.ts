/** The longest label and the longest name, in bytes as they are sent (RFC 1035 §2.3.4). */
const LONGEST_LABEL = 63;
const LONGEST_NAME = 255;
/** What host names are made of, and the underscore of service names: nothing that a reader could take for something else. */
const LABEL = /^[\w-]+$/;

/**
 * Domain names one behind the other, each a sequence of labels that ends with an empty one, uncompressed (RFC 1035 §3.1),
 * then zeros (RFC 8106 §5.2). Nothing where they are anything else, or none.
 */
export function readDomainNames(bytes: Uint8Array): string[] | undefined {
  const names: string[] = [];
  let at = 0;
  while (at < bytes.length && bytes[at] !== 0) {
    const name = readName(bytes, at);
    if (name === undefined) return undefined;
    names.push(name);
    // Each label has its length in front, where the text has dots between them; then comes the empty label.
    at += name.length + 2;
  }
  const padded = bytes.subarray(at).every((byte) => byte === 0);
  return padded && names.length > 0 ? names : undefined;
}

function readName(bytes: Uint8Array, start: number): string | undefined {
  const labels: string[] = [];
  let at = start;
  for (let length = bytes[at]; length !== 0; length = bytes[at]) {
    if (length === undefined || length > LONGEST_LABEL || at + length >= bytes.length) return undefined;
    const label = String.fromCharCode(...bytes.subarray(at + 1, at + 1 + length));
    if (!LABEL.test(label)) return undefined;
    labels.push(label);
    at += 1 + length;
    if (at - start >= LONGEST_NAME) return undefined;
  }
  return labels.join('.');
}

/** Writes names as `readDomainNames` reads them, without padding. */
export function writeDomainNames(names: readonly string[]): Uint8Array {
  const bytes: number[] = [];
  for (const name of names) {
    for (const label of name.split('.')) {
      bytes.push(label.length, ...Array.from(label, (character) => character.charCodeAt(0)));
    }
    bytes.push(0);
  }
  return Uint8Array.from(bytes);
}
