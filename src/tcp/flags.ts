/** A bit for each. */
const Flag = {
  passive: 0x1,
  windowScaling: 0x2,
  sackPermitted: 0x4,
  synAcked: 0x8,
  synDue: 0x10,
  synLost: 0x20,
  mustRetransmit: 0x40,
  probed: 0x80,
  orphan: 0x100,
  referenced: 0x200,
  wantsWritable: 0x400,
  endReceived: 0x800,
  endDelivered: 0x1000,
  closeDelivered: 0x2000,
  tailProbeStale: 0x4000,
  tailProbeDue: 0x8000,
  progressed: 0x10000,
  overrideSilly: 0x20000,
  unreachable: 0x40000,
  unreadKept: 0x80000,
} as const;

/**
 * What is so or not so of a connection, a bit each: there are many connections, and a field of its own would take eight
 * bytes.
 */
export class ConnectionFlags {
  #bits: number = 0;

  /** Opened by a listener [MUST-11], as against `connect` (also when a simultaneous open leads through SYN_RECV). */
  get passive(): boolean {
    return (this.#bits & Flag.passive) !== 0;
  }

  set passive(on: boolean) {
    this.#bits = on ? this.#bits | Flag.passive : this.#bits & ~Flag.passive;
  }

  /** Window scaling is offered, and after the peer's SYN: agreed upon, be it with a shift of 0 (RFC 7323 §2.2). */
  get windowScaling(): boolean {
    return (this.#bits & Flag.windowScaling) !== 0;
  }

  set windowScaling(on: boolean) {
    this.#bits = on ? this.#bits | Flag.windowScaling : this.#bits & ~Flag.windowScaling;
  }

  /** Selective acknowledgments are offered, and after the peer's SYN: agreed upon (RFC 2018 §2). */
  get sackPermitted(): boolean {
    return (this.#bits & Flag.sackPermitted) !== 0;
  }

  set sackPermitted(on: boolean) {
    this.#bits = on ? this.#bits | Flag.sackPermitted : this.#bits & ~Flag.sackPermitted;
  }

  /** Our SYN is acknowledged. */
  get synAcked(): boolean {
    return (this.#bits & Flag.synAcked) !== 0;
  }

  set synAcked(on: boolean) {
    this.#bits = on ? this.#bits | Flag.synAcked : this.#bits & ~Flag.synAcked;
  }

  /** A SYN or SYN-ACK is to be sent (again). */
  get synDue(): boolean {
    return (this.#bits & Flag.synDue) !== 0;
  }

  set synDue(on: boolean) {
    this.#bits = on ? this.#bits | Flag.synDue : this.#bits & ~Flag.synDue;
  }

  /** The SYN had to be repeated (RFC 6298 §5.7, RFC 6928 §2). */
  get synLost(): boolean {
    return (this.#bits & Flag.synLost) !== 0;
  }

  set synLost(on: boolean) {
    this.#bits = on ? this.#bits | Flag.synLost : this.#bits & ~Flag.synLost;
  }

  /** One segment is to be retransmitted whatever the congestion window says (fast retransmit, partial ACK). */
  get mustRetransmit(): boolean {
    return (this.#bits & Flag.mustRetransmit) !== 0;
  }

  set mustRetransmit(on: boolean) {
    this.#bits = on ? this.#bits | Flag.mustRetransmit : this.#bits & ~Flag.mustRetransmit;
  }

  /** A zero-window probe carried the octet at `snd.nxt`: an acknowledgment of `snd.nxt + 1` is acceptable. */
  get probed(): boolean {
    return (this.#bits & Flag.probed) !== 0;
  }

  set probed(on: boolean) {
    this.#bits = on ? this.#bits | Flag.probed : this.#bits & ~Flag.probed;
  }

  /** The owner called `close()`: nobody reads any more, bytes that arrive are answered with RST. */
  get orphan(): boolean {
    return (this.#bits & Flag.orphan) !== 0;
  }

  set orphan(on: boolean) {
    this.#bits = on ? this.#bits | Flag.orphan : this.#bits & ~Flag.orphan;
  }

  /** The connection counts among those that keep the process alive. */
  get referenced(): boolean {
    return (this.#bits & Flag.referenced) !== 0;
  }

  set referenced(on: boolean) {
    this.#bits = on ? this.#bits | Flag.referenced : this.#bits & ~Flag.referenced;
  }

  /** `write` took less than all: `onWritable` is owed. */
  get wantsWritable(): boolean {
    return (this.#bits & Flag.wantsWritable) !== 0;
  }

  set wantsWritable(on: boolean) {
    this.#bits = on ? this.#bits | Flag.wantsWritable : this.#bits & ~Flag.wantsWritable;
  }

  /** The peer's FIN was received in order. */
  get endReceived(): boolean {
    return (this.#bits & Flag.endReceived) !== 0;
  }

  set endReceived(on: boolean) {
    this.#bits = on ? this.#bits | Flag.endReceived : this.#bits & ~Flag.endReceived;
  }

  /** The owner knows of the peer's FIN, or does not want to. */
  get endDelivered(): boolean {
    return (this.#bits & Flag.endDelivered) !== 0;
  }

  set endDelivered(on: boolean) {
    this.#bits = on ? this.#bits | Flag.endDelivered : this.#bits & ~Flag.endDelivered;
  }

  /** The owner has had its last callback. */
  get closeDelivered(): boolean {
    return (this.#bits & Flag.closeDelivered) !== 0;
  }

  set closeDelivered(on: boolean) {
    this.#bits = on ? this.#bits | Flag.closeDelivered : this.#bits & ~Flag.closeDelivered;
  }

  /** Something was sent or acknowledged for the first time: `tailProbeAt` is to be set anew. */
  get tailProbeStale(): boolean {
    return (this.#bits & Flag.tailProbeStale) !== 0;
  }

  set tailProbeStale(on: boolean) {
    this.#bits = on ? this.#bits | Flag.tailProbeStale : this.#bits & ~Flag.tailProbeStale;
  }

  /** A tail loss probe is to be sent. */
  get tailProbeDue(): boolean {
    return (this.#bits & Flag.tailProbeDue) !== 0;
  }

  set tailProbeDue(on: boolean) {
    this.#bits = on ? this.#bits | Flag.tailProbeDue : this.#bits & ~Flag.tailProbeDue;
  }

  /** Something was acknowledged since the retransmission timer last expired. */
  get progressed(): boolean {
    return (this.#bits & Flag.progressed) !== 0;
  }

  set progressed(on: boolean) {
    this.#bits = on ? this.#bits | Flag.progressed : this.#bits & ~Flag.progressed;
  }

  /** The persist timer ran out on a window too small for silly-window avoidance: what fits is sent all the same. */
  get overrideSilly(): boolean {
    return (this.#bits & Flag.overrideSilly) !== 0;
  }

  set overrideSilly(on: boolean) {
    this.#bits = on ? this.#bits | Flag.overrideSilly : this.#bits & ~Flag.overrideSilly;
  }

  /** There was no way to the peer when something was to be sent. */
  get unreachable(): boolean {
    return (this.#bits & Flag.unreachable) !== 0;
  }

  set unreachable(on: boolean) {
    this.#bits = on ? this.#bits | Flag.unreachable : this.#bits & ~Flag.unreachable;
  }

  /** The owner reads on behind an error, what came before it, and then calls `close()`. */
  get unreadKept(): boolean {
    return (this.#bits & Flag.unreadKept) !== 0;
  }

  set unreadKept(on: boolean) {
    this.#bits = on ? this.#bits | Flag.unreadKept : this.#bits & ~Flag.unreadKept;
  }
}
