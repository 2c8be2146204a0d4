/** Options of a connection: given at `connect` or `listen`, most of them changed later with `connection.set`. */
export interface ConnectionOptions {
  /** Send small segments at once (no Nagle algorithm, RFC 9293 §3.7.4). Default false. */
  noDelay?: boolean;
  /** Hold back a last partial segment until it is full or the cork is drawn. Default false. */
  cork?: boolean;
  /** Bytes accepted by `write` and not yet acknowledged. Default 512 KiB. Linux: net.ipv4.tcp_wmem. */
  sendBuffer?: number;
  /** Bytes received and not yet read; bounds the window offered. Default 512 KiB. Linux: net.ipv4.tcp_rmem. */
  receiveBuffer?: number;
  /** Largest segment to announce and to send, in bytes of payload; the path's own limit when larger. Default 65,535. */
  mss?: number;
  /** Time to live or hop limit, 1 to 255. Default 64. Linux: net.ipv4.ip_default_ttl. */
  ttl?: number;
  /** Diffserv code point, 0 to 63. Default 0. */
  dscp?: number;
  /** Give up when sent data stays unacknowledged for so long, in milliseconds; 0: RFC 9293's R2 (about 924 s). Default 0. */
  userTimeout?: number;
  /** Give up connecting after so long, in milliseconds. Default 180,000 (RFC 9293 MUST-23). */
  connectTimeout?: number;
  /** Probe an idle peer (RFC 9293 §3.8.4). Default false. */
  keepAlive?: boolean;
  /** Idle time before the first probe, in milliseconds. Default 7,200,000. Linux: net.ipv4.tcp_keepalive_time. */
  keepAliveIdle?: number;
  /** Time between unanswered probes, in milliseconds. Default 75,000. Linux: net.ipv4.tcp_keepalive_intvl. */
  keepAliveInterval?: number;
  /** Unanswered probes before the connection ends with ETIMEDOUT. Default 9. Linux: net.ipv4.tcp_keepalive_probes. */
  keepAliveCount?: number;
  /** Congestion control, by name. Default 'reno'. */
  congestion?: 'reno';
}

/** The same with every default filled in. */
export type ResolvedConnectionOptions = Required<ConnectionOptions>;

export const DEFAULT_CONNECTION_OPTIONS: Readonly<ResolvedConnectionOptions> = {
  noDelay: false,
  cork: false,
  sendBuffer: 512 * 1024,
  receiveBuffer: 512 * 1024,
  mss: 65_535,
  ttl: 64,
  dscp: 0,
  userTimeout: 0,
  connectTimeout: 180_000,
  keepAlive: false,
  keepAliveIdle: 7_200_000,
  keepAliveInterval: 75_000,
  keepAliveCount: 9,
  congestion: 'reno',
};
