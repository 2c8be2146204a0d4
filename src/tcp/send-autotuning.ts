/** Where the buffer begins: what a local link keeps busy with. Linux: net.ipv4.tcp_wmem begins at 16 KB and grows. */
export const FIRST_SEND_BUFFER = 524_288;

/**
 * The size of the send buffer, in bytes, by the congestion window: room for what is on its way, and as much again that
 * the application writes meanwhile. It never becomes less. Linux: tcp_sndbuf_expand.
 *
 * @param size as it is, when room is wanted and an ACK has come.
 * @param inFlight bytes that congestion control and the peer's window allow on their way.
 * @param limit what `growthLimit` says.
 */
export function grownSendBuffer(size: number, inFlight: number, limit: number): number {
  return Math.floor(Math.max(size, Math.min(2 * inFlight, limit)));
}
