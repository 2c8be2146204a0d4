/**
 * 0, as the first value of a number field that will hold more than 31 bits: sequence numbers, counts of bytes. V8 keeps small
 * integers and other numbers in fields of different kinds, and gives up all code that was compiled for an object when a field
 * changes its kind: in the middle of a transfer, at 2 GiB. Out of a Float64Array comes a number of the other kind.
 */
export const WIDE: number = new Float64Array(1)[0]!;
