/*
 * The fragment header (RFC 8200 §4.5): next header, a reserved byte, the offset in units of 8 bytes with the M flag in the
 * lowest bit, and the identification. The accessors take the header's offset; 8 bytes must be there.
 */

/** Bytes of the header. */
export const IPV6_FRAGMENT_HEADER_LENGTH = 8;
const OFFSET_AND_FLAG = 2;
const IDENTIFICATION = 4;
const MORE = 1;

/** What the fragmentable part begins with: of all fragments only the first one's counts. */
export function fragmentNextHeader(view: DataView, at: number): number {
  return view.getUint8(at);
}

/** Where the fragment belongs in the fragmentable part, in bytes. */
export function fragmentOffset(view: DataView, at: number): number {
  return view.getUint16(at + OFFSET_AND_FLAG) & 0xfff8;
}

export function fragmentMore(view: DataView, at: number): boolean {
  return (view.getUint16(at + OFFSET_AND_FLAG) & MORE) !== 0;
}

/** As a uint32. */
export function fragmentIdentification(view: DataView, at: number): number {
  return view.getUint32(at + IDENTIFICATION);
}

/** Where the offset field lies, from the header's start: what a parameter problem points to. */
export const IPV6_FRAGMENT_OFFSET_FIELD: number = OFFSET_AND_FLAG;

/** @param offset in bytes, a multiple of 8 */
export function writeFragmentHeader(
  view: DataView,
  at: number,
  nextHeader: number,
  offset: number,
  more: boolean,
  identification: number,
): void {
  view.setUint8(at, nextHeader);
  view.setUint8(at + 1, 0);
  view.setUint16(at + OFFSET_AND_FLAG, offset | (more ? MORE : 0));
  view.setUint32(at + IDENTIFICATION, identification);
}
