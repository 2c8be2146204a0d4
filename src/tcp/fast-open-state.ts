/**
 * What became of TCP Fast Open on a connection (RFC 7413). `none`: not tried. `requested`: the SYN asked for a cookie.
 * `sent`: the SYN carried a cookie and data. `accepted`: data of the SYN was acknowledged together with it, or here: the
 * cookie was good. `rejected`: it was not.
 */
export type FastOpenStatus = 'none' | 'requested' | 'sent' | 'accepted' | 'rejected';

/** Fast Open of one connection, on either side; only those that have to do with it have one. */
export class FastOpen {
  status: FastOpenStatus;
  /** What our first SYN or SYN-ACK says: a cookie, an empty one to ask for one; undefined: no option. */
  cookie: Uint8Array | undefined;
  /** Client: bytes of payload and TCP options that the SYN may carry. */
  room: number = 0;
  /** Client: bytes of data that the SYN has carried. */
  synData: number = 0;
  /** Client: the cache knows that it has failed. */
  failed: boolean = false;
  /** Server: counts among the listener's pending requests (RFC 7413 §4.2, PendingFastOpenRequests). */
  pending: boolean = false;

  constructor(status: FastOpenStatus, cookie: Uint8Array | undefined) {
    this.status = status;
    this.cookie = cookie;
  }
}
