import { plateauBelow } from '../buffer/mtu-plateaus.ts';
import { seqGe, seqGt, seqLe, seqLt } from '../buffer/seq.ts';
import { MtuSearch } from './mtu-search.ts';

/**
 * How a connection learns the largest packet its path carries. `icmp`: routers tell (RFC 1191, 8201). `auto`: that, and
 * a path that swallows large packets silently is found out by timeouts and then searched (RFC 4821). `probe`: searched
 * from the beginning, from small to large. Linux: net.ipv4.tcp_mtu_probing = 0, 1, 2.
 */
export type PathMtuMode = (typeof PATH_MTU_MODES)[number];
export const PATH_MTU_MODES = ['auto', 'icmp', 'probe'] as const;

/**
 * What became of a router's word that a packet was too big: the limit is lower now; it is believed when the connection
 * stalls; it says nothing new; it can't be true.
 */
export type TooBigVerdict = 'lowered' | 'pending' | 'stale' | 'implausible';

interface FamilyNumbers {
  /** No link's MTU is smaller. RFC 791 §3.2, RFC 8200 §5. */
  readonly minimum: number;
  /** No router's word brings the limit below this. Linux: net.ipv4.route.min_pmtu, and [S-053] RFC 8201 §4. */
  readonly believed: number;
  /** Where a search begins: search_low of RFC 4821 §7.2. Linux: net.ipv4.tcp_base_mss = 1024, with headers of 40. */
  readonly base: number;
  /** And how deep it may go, RFC 4821 §7.7. Linux: net.ipv4.tcp_mtu_probe_floor = 48, with headers of 40. */
  readonly floor: number;
  /** Every path carries this: smaller packets are not lost for their size (RFC 1122 §3.3.2: EMTU_R). */
  readonly harmless: number;
  /** Routers of old name no MTU in their error: 0 asks for a guess. In IPv6 all name one. */
  readonly guesses: boolean;
}

const FAMILIES: Readonly<Record<4 | 6, FamilyNumbers>> = {
  4: { minimum: 68, believed: 552, base: 1064, floor: 88, harmless: 576, guesses: true },
  6: { minimum: 1280, believed: 1280, base: 1280, floor: 1280, harmless: 1280, guesses: false },
};

/** A header without options, which routers of old added to the length that they quoted (RFC 1191 §5). */
const IPV4_HEADER = 20;
/** What a router said is forgotten after ten minutes: RFC 1191 §6.3, RFC 8201 §5.3. Linux: net.ipv4.route.mtu_expires. */
const AGE_US = 600_000_000;
/** MAXSEGRTO of RFC 5927 §7.2 is 1. After so many timeouts in a row a black hole is suspected: R1, net.ipv4.tcp_retries1. */
const FULL_STOP = 3;
/**
 * So many where packets of this size have got through before, as often as on a line that loses a third of all packets in
 * either direction less than one timeout in twenty comes. Linux, for all sizes: three seconds, which is 4 or 5.
 */
const FULL_STOP_PROVEN = 5;
/**
 * And after so many, minutes later, even a path that does not carry what every path should. RFC 4821 §7.7 and Linux would
 * go so deep at once; but on a bad line timeouts come in rows, and tiny segments make it worse.
 */
const LAST_RESORT = 10;

/** What a router has said; made when the first one says something. */
interface RouterWord {
  /** What is believed, Infinity for nothing, and when it is forgotten. */
  told: number;
  until: number;
  /** RFC 5927 §7.2: claimedmtu, 0 when no error is pending, and claimedtcpseq. */
  pending: number;
  pendingSeq: number;
}

function nothingSaid(): RouterWord {
  return { told: Infinity, until: Infinity, pending: 0, pendingSeq: 0 };
}

/** What most connections know of a search: none was ever begun. */
const NO_SEARCH: Readonly<MtuSearch> = new MtuSearch();

/**
 * The largest IP packet that a connection sends: `limit`. It follows what link, peer and routers allow, believes routers
 * as far as RFC 5927 §7.2 advises, and notices paths on which nobody says anything (RFC 4821). Sizes are of whole IP
 * packets in bytes, sequence numbers unsigned 32 bits, times in microseconds. It needs no timer of its own.
 */
export class PathMtu {
  /** The largest packet that may be sent, probes excepted. */
  limit: number;
  /**
   * The limit fell below what is on its way: it was dropped, and is to be sent again at once in smaller segments, which
   * is no congestion signal (RFC 1191 §6.4). Whoever does so resets it.
   */
  oversized: boolean = false;
  readonly #mode: PathMtuMode;
  readonly #numbers: FamilyNumbers;
  #link: number;
  /** What link and peer, the path's other users and the routers' word to this connection allow. */
  #ceiling: number;
  #search: MtuSearch | undefined = undefined;
  #word: RouterWord | undefined = undefined;
  /** RFC 5927 §7.2: maxsizesent and maxsizeacked. */
  #maxSent: number;
  #maxAcked: number;
  /** The packet larger than `#maxAcked` whose acknowledgment would raise it. */
  #mark: { readonly size: number; readonly seq: number; readonly end: number } | undefined = undefined;

  /** @param linkMtu of the first hop */
  constructor(family: 4 | 6, mode: PathMtuMode, linkMtu: number) {
    this.#mode = mode;
    this.#numbers = FAMILIES[family];
    this.#link = this.#ceiling = this.limit = linkMtu;
    this.#maxSent = this.#maxAcked = this.#numbers.minimum;
    if (mode === 'probe') this.#startSearch(this.#numbers.base);
  }

  /** The search for the largest packet, to be read: as it is, or one that was never begun. */
  get search(): Readonly<MtuSearch> {
    return this.#search ?? NO_SEARCH;
  }

  /**
   * What is allowed from outside, told before anything is sent: cheap when nothing changed. Returns the new `limit`,
   * which also grows, at once: nothing is retransmitted then (RFC 1191 §6.3).
   *
   * @param linkMtu of the first hop
   * @param allowed the smallest of: `linkMtu`; what is known of the path; what the peer takes (its MSS with headers)
   */
  follow(now: number, linkMtu: number, allowed: number): number {
    // [S-052] [S-053] RFC 1191 §6.3, RFC 8201 §5.3: not decreased for ten minutes: the discovery takes place again.
    const word = this.#word;
    if (word !== undefined && now >= word.until) word.told = word.until = Infinity;
    // [SHLD-6] RFC 9293 §3.7.3: what the link takes no more it has dropped.
    if (linkMtu < this.#link && linkMtu < this.#maxSent) this.#onDropped();
    this.#link = linkMtu;
    const ceiling = word === undefined ? allowed : Math.min(allowed, word.told);
    if (ceiling !== this.#ceiling) {
      this.#ceiling = ceiling;
      this.#settle();
    }
    return this.limit;
  }

  /** Data `[seq, end)` goes out, for the first time or again, in packets of at most `size`. */
  onSent(seq: number, end: number, size: number): void {
    if (size > this.#maxSent) this.#maxSent = size;
    const mark = this.#mark;
    if (mark !== undefined && size < mark.size && seqLe(mark.seq, seq) && seqLt(seq, mark.end)) {
      // Sent again in smaller pieces: an acknowledgment will say nothing of the large one.
      this.#mark = undefined;
    }
    this.#search?.onResent(seq, end, size);
    if (size <= this.#maxAcked || size <= (this.#mark?.size ?? 0)) return;
    this.#mark = { size, seq, end };
  }

  /**
   * The size of the packet to send as a probe instead of other new data: see `MtuSearch.next`. One packet, cut by no
   * offload; then `onSent` and `onProbeSent` are told.
   */
  probeSize(now: number, available: number, wnd: number, cwnd: number, flight: number, headers: number): number {
    return this.#search?.next(now, available, wnd, cwnd, flight, headers) ?? 0;
  }

  onProbeSent(seq: number, end: number, size: number): void {
    this.#search?.onSent(seq, end, size);
  }

  /** Bytes up to `una` are acknowledged; true when `limit` has grown. */
  onAcked(una: number): boolean {
    if (this.#mark !== undefined && seqGe(una, this.#mark.end)) {
      this.#maxAcked = this.#mark.size;
      this.#mark = undefined;
    }
    // [S-092] RFC 5927 §7.2: it got through after all, so the error was a false claim.
    const word = this.#word;
    if (word !== undefined && word.pending > 0 && seqGt(una, word.pendingSeq)) word.pending = 0;
    const search = this.#search;
    if (!search?.onAcked(una)) return false;
    // What was searched for is found: the link is the limit again, and followed when it changes.
    if (this.#mode === 'auto' && search.low >= this.#ceiling) search.active = false;
    this.#settle();
    return true;
  }

  /** The probe is lost, and nothing else: congestion control is not to be told. See `MtuSearch.onLost`. */
  onProbeLost(now: number, pause: number): void {
    this.#search?.onLost(now, pause);
  }

  /**
   * The retransmission timer has expired on the segment at `una`. True when `limit` has fallen: what is sent again is
   * to be cut anew.
   *
   * @param timeouts how many have come in a row, this one included
   * @param size of the packet that was not acknowledged
   * @param explained something else is known to be wrong, as a host that is unreachable
   * @param pause see `MtuSearch.onLost`
   */
  onTimeout(now: number, una: number, timeouts: number, size: number, explained: boolean, pause: number): boolean {
    this.#search?.onTimeout(now, una, pause);
    // [S-092] RFC 5927 §7.2: nsegrto has come to MAXSEGRTO and the error is still pending.
    const pending = this.#word?.pending ?? 0;
    if (pending > 0) {
      this.#maxAcked = pending;
      this.#believe(now, pending);
      return true;
    }
    // [S-054] RFC 4821 §7.7: a full-stop timeout without an ICMP message that gives another reason.
    if (this.#mode === 'icmp' || explained) return false;
    if (timeouts < (size <= this.#maxAcked ? FULL_STOP_PROVEN : FULL_STOP)) return false;
    const { limit } = this;
    this.#suspectBlackHole(size, timeouts);
    return this.limit < limit;
  }

  /**
   * A router says that a packet was too big: "fragmentation needed" or "packet too big", about a segment of this
   * connection that is on its way ([S-092] RFC 5927 §4.1: the caller has checked that).
   *
   * @param claimed the next hop's MTU, 0 when the router gave none
   * @param quoted total length of the packet that it quotes
   * @param seq sequence number of that packet
   */
  onTooBig(now: number, claimed: number, quoted: number, seq: number): TooBigVerdict {
    const { probeSize, probeSeq } = this.search;
    const aboutProbe = probeSize > this.limit && probeSeq === seq;
    const largest = aboutProbe ? probeSize : this.limit;
    const mtu = claimed === 0 && this.#numbers.guesses ? plateauBelow(correctedLength(quoted, largest)) : claimed;
    // [S-052] RFC 1191 §3, [S-053] RFC 8201 §4: below what every link carries, or not below what did not fit.
    if (mtu < this.#numbers.minimum || mtu >= quoted) return 'implausible';
    // Only a smaller one is news, it never raises the limit: RFC 1191 §6.4.
    const believed = Math.max(mtu, this.#numbers.believed);
    // It comes for each packet of a flight, and only the first brings the limit down.
    if (believed >= largest) return 'stale';
    // [S-092] RFC 5927 §7.2: nothing so large was ever sent.
    if (mtu > this.#maxSent) return 'implausible';
    // Initial Path-MTU Discovery: nothing so large has ever got through.
    if (believed >= this.#maxAcked) {
      if (!aboutProbe) this.#onDropped();
      this.#believe(now, believed);
      return 'lowered';
    }
    // Path-MTU Update: while the connection makes progress it is not believed.
    const word = (this.#word ??= nothingSaid());
    word.pending = believed;
    word.pendingSeq = seq;
    return 'pending';
  }

  /** What a router said and this connection believes; 0 when there is nothing. For the path's other users. */
  get told(): number {
    const told = this.#word?.told ?? Infinity;
    return told === Infinity ? 0 : told;
  }

  #believe(now: number, mtu: number): void {
    const word = (this.#word ??= nothingSaid());
    word.pending = 0;
    word.told = mtu;
    word.until = now + AGE_US;
    this.#ceiling = Math.min(this.#ceiling, mtu);
    this.#maxSent = this.#numbers.minimum;
    this.#settle();
  }

  /** Larger packets than the limit are on their way, and lost. */
  #onDropped(): void {
    this.oversized = true;
    this.#mark = undefined;
  }

  /** Puts together what is allowed and what the search knows. */
  #settle(): void {
    const search = this.#search;
    if (search?.active) search.follow(this.#ceiling);
    this.limit = search?.active ? search.low : this.#ceiling;
    this.#maxAcked = Math.max(this.#numbers.minimum, Math.min(this.#maxAcked, this.#ceiling));
  }

  #startSearch(low: number, proven: number = 0): void {
    const search = (this.#search ??= new MtuSearch());
    search.start(low, this.#ceiling, proven);
    this.limit = search.low;
  }

  /** [S-054] RFC 4821 §7.7: down to what got through before, then to the base, then by halves. */
  #suspectBlackHole(size: number, timeouts: number): void {
    const { base, floor, harmless } = this.#numbers;
    const { limit } = this;
    // Every path should carry a small segment, also one that larger ones are allowed beside: it is not lost for its size.
    if (size <= harmless && timeouts < LAST_RESORT) return;
    // Not even the smallest gets through: size is not the reason.
    if (limit <= floor) return this.#startSearch(base);
    if (size <= floor) return;
    const least = timeouts < LAST_RESORT ? harmless : floor;
    let low = limit;
    if (!this.search.active && this.#maxAcked > base && this.#maxAcked < Math.min(limit, size)) low = this.#maxAcked;
    while (low >= size && low > least) low = low > base ? base : Math.max(least, low >>> 1);
    if (low >= limit) return;
    // The path has carried as much before: it is asked soon whether that is over.
    const proven = Math.min(this.#maxAcked, limit);
    this.#maxAcked = Math.min(this.#maxAcked, low);
    this.#mark = undefined;
    this.#startSearch(low, proven);
  }
}

/** [S-052] RFC 1191 §5: the Total Length field that a router returned, as it was sent. */
function correctedLength(quoted: number, limit: number): number {
  return quoted >= limit ? quoted - IPV4_HEADER : quoted;
}
