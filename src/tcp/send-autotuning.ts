/** Where the buffer begins: what a local link keeps busy with. Linux: net.ipv4.tcp_wmem begins at 16 KB and grows. */
export const FIRST_SEND_BUFFER = 524_288;

/**
 * Sizes the send buffer by the congestion window: room for what is on its way, and as much again that the application
 * writes meanwhile. Linux: tcp_sndbuf_expand.
 */
export class SendAutotuning {
  /** Bytes. */
  size: number;
  /** The size does not grow beyond this: equal to the size where the user has chosen it. */
  maximum: number;

  constructor(size: number, maximum: number) {
    this.size = size;
    this.maximum = maximum;
  }

  /**
   * Room is wanted, and an ACK has come.
   *
   * @param inFlight bytes that congestion control and the peer's window allow on their way.
   * @param limit what `growthLimit` says.
   */
  onAck(inFlight: number, limit: number): void {
    if (this.size < this.maximum) this.size = Math.floor(Math.max(this.size, Math.min(2 * inFlight, limit)));
  }
}
