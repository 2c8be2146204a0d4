import { TCP_HEADER_LENGTH } from '../wire/tcp.ts';
import { TcpOptions, tcpOptionsLength, writeAlignedTimestamps, writeTcpOptions } from '../wire/tcp-options.ts';
import type { ControlBlock } from './control-block.ts';
import type { SackBlocks } from './sack-blocks.ts';
import type { UserTimeout } from './user-timeout.ts';

/** Bytes of a SACK option in front of its blocks, NOPs counted, and of each block. */
const SACK_HEADER = 4;
const SACK_BLOCK = 8;
/** Bytes of the user timeout option. */
const USER_TIMEOUT_LENGTH = 4;
/** What 40 bytes of options have room for (RFC 2018 §3); three beside timestamps. */
const MOST_BLOCKS = 4;

/** The options of the segment at hand where there is more than timestamps; one object, filled anew for each. */
const options = new TcpOptions();

/**
 * Chooses the options of a segment without SYN that carries `length` bytes of payload; returns their length in bytes.
 * `writeSegmentOptions` then writes them.
 */
export function chooseSegmentOptions(tcb: ControlBlock, length: number): number {
  const { timestamps, sackBlocks } = tcb;
  options.clear();
  if (tcb.userTimeout?.due) chooseUserTimeout(tcb, tcb.userTimeout, length);
  else if (sackBlocks !== undefined) chooseSack(tcb, sackBlocks, length);
  if (!chosen()) return timestamps.length;
  if (timestamps.ok) {
    options.timestamps = true;
    options.tsValue = timestamps.value;
    options.tsEcho = timestamps.recent;
  }
  return tcpOptionsLength(options);
}

/** There is more than timestamps. */
function chosen(): boolean {
  return options.sackCount > 0 || options.userTimeout >= 0;
}

/** [S-098] RFC 5482 §3: in the next segment that has room beside its data; not in one that tells of gaps. */
function chooseUserTimeout(tcb: ControlBlock, userTimeout: UserTimeout, length: number): void {
  if (tcb.sackBlocks !== undefined) return chooseSack(tcb, tcb.sackBlocks, length);
  if (length + USER_TIMEOUT_LENGTH > tcb.snd.mss) return;
  options.userTimeout = userTimeout.option;
  userTimeout.due = false;
}

function chooseSack(tcb: ControlBlock, sackBlocks: SackBlocks, length: number): void {
  const { timestamps } = tcb;
  const blocks = Math.min(blocksThatFit(tcb, length), timestamps.ok ? MOST_BLOCKS - 1 : MOST_BLOCKS);
  if (blocks > 0) sackBlocks.report(options, blocks);
}

/** Writes what was chosen at `offset`. */
export function writeSegmentOptions(tcb: ControlBlock, view: DataView, offset: number): void {
  const { timestamps } = tcb;
  if (chosen()) writeTcpOptions(view, offset, options);
  // [S-064] RFC 7323 §3.2: in every segment once it is agreed upon.
  else if (timestamps.ok) writeAlignedTimestamps(view, offset, timestamps.value, timestamps.recent);
}

/**
 * SACK blocks ride on data where they fit the packet beside it. They take nothing from a full segment: the segment that
 * has something to tell is acknowledged by itself. A super-segment would repeat them in each part.
 */
function blocksThatFit(tcb: ControlBlock, length: number): number {
  if (length === 0) return MOST_BLOCKS;
  const { path, timestamps, snd } = tcb;
  const room = path.mtu - path.headerLength - TCP_HEADER_LENGTH - timestamps.length - length;
  return Math.floor((Math.min(room, snd.mss - length) - SACK_HEADER) / SACK_BLOCK);
}
