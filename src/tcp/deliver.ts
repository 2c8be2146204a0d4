import type { ControlBlock } from './control-block.ts';
import { Notice } from './notice.ts';

/**
 * Tells the owner what has happened, in the order of `Notice`. Each notice is taken off before its callback runs: a
 * callback that throws loses nothing, the stack reports the error and calls again while notices are left.
 */
export function deliver(tcb: ControlBlock): void {
  for (let due = dueNotices(tcb); due !== 0; due = dueNotices(tcb)) {
    const notice = due & -due; // the lowest bit: the order of `Notice`
    tcb.notices &= ~notice;
    tell(tcb, notice);
  }
}

/** What may be told now. Nothing follows `onClose`, which itself waits for whoever reads. */
export function dueNotices(tcb: ControlBlock): number {
  if (tcb.closeDelivered) tcb.notices = 0;
  return awaitsReader(tcb) ? tcb.notices & ~Notice.close : tcb.notices;
}

/**
 * The owner has not read up to the peer's FIN, or its own reader has not; behind an error that counts only where the owner
 * wants to read on.
 */
export function awaitsReader(tcb: ControlBlock): boolean {
  if (tcb.unreadKept) return true;
  return tcb.error === undefined && tcb.endReceived && !tcb.endDelivered && !tcb.orphan;
}

function tell(tcb: ControlBlock, notice: number): void {
  const { connection } = tcb;
  const { handler } = connection;
  switch (notice) {
    case Notice.accept:
      return tcb.listener?.accept(connection);
    case Notice.connect:
      return handler.onConnect?.(connection);
    case Notice.urgent:
      // [MUST-32] RFC 9293 §3.8.5
      if (connection.urgentLength > 0) handler.onUrgent?.(connection);
      return;
    case Notice.readable:
      if (tcb.receiveQueue.length > 0) handler.onReadable?.(connection);
      return;
    case Notice.end:
      return end(tcb);
    case Notice.writable:
      return handler.onWritable?.(connection);
    case Notice.finished:
      return handler.onFinished?.(connection);
    case Notice.softError:
      return handler.onSoftError?.(tcb.errorOf(tcb.trouble), connection);
    case Notice.error:
      if (tcb.error !== undefined) handler.onError?.(tcb.error, connection);
      return;
    default:
      return close(tcb);
  }
}

/** RFC 9293 §3.10.7.4, "all segment queues should be flushed": what an error left unread is not held for ever. */
function close(tcb: ControlBlock): void {
  const { connection } = tcb;
  tcb.closeDelivered = true;
  tcb.host.keepsUnread(tcb, false);
  try {
    connection.handler.onClose?.(connection);
  } finally {
    tcb.receiveQueue.clear();
    tcb.account();
    // What the owner hung on its callbacks is not kept for the length of TIME-WAIT.
    connection.handler = {};
  }
}

/** The end of the stream is told when every byte before it has been read; `read` comes back to it. */
function end(tcb: ControlBlock): void {
  if (tcb.endDelivered || tcb.receiveQueue.length > 0) return;
  tcb.endDelivered = true;
  tcb.connection.handler.onEnd?.(tcb.connection);
}
