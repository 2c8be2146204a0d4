/** MTUs of networks that there are, RFC 1191 §7, table 7-1. */
const PLATEAUS: readonly number[] = [65_535, 32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68];

/** [S-052] RFC 1191 §5: the greatest plateau below `length`, for routers that do not say what they pass on; 0 for none. */
export function plateauBelow(length: number): number {
  return PLATEAUS.find((plateau) => plateau < length) ?? 0;
}
