import { seqDiff, seqGe, seqLe, seqLt, seqMax } from '../buffer/seq.ts';
import type { TcpOptions } from '../wire/tcp-options.ts';
import type { AckReport } from './ack-report.ts';
import { Prr } from './prr.ts';
import type { Rack } from './rack.ts';
import type { LossRecovery, RecoveryPhase, Repair } from './recovery.ts';
import type { Scoreboard } from './scoreboard.ts';
import { TailLossProbe } from './tail-loss-probe.ts';

/** What a D-SACK may reach back below SND.UNA: duplicates of what is longer past tell nothing. */
const OLDEST_DSACK = 1 << 30;

/**
 * Loss recovery with selective acknowledgments: [S-078] RFC 6675's scoreboard and pipe, RACK-TLP (RFC 8985) to find what is lost,
 * proportional rate reduction (RFC 9937) for how much may be sent meanwhile.
 */
export class SackRecovery implements LossRecovery {
  phase: RecoveryPhase = 'open';
  /** RecoveryPoint: recovery is over when everything below it is acknowledged. */
  recover: number;
  congested: boolean = false;
  repairs: Repair = 'loss';
  /** It decides how much may be sent: in fast recovery, and while ECN marks are answered. */
  prr: Prr | undefined = undefined;
  /** From the first probe until a round-trip time is measured behind it. */
  tailProbe: TailLossProbe | undefined = undefined;
  /** The reordering timer: when the youngest segment that is overdue counts as lost; Infinity for never. */
  reorderAt: number = Infinity;
  readonly #board: Scoreboard;
  readonly #rack: Rack;

  constructor(board: Scoreboard, rack: Rack, iss: number) {
    this.#board = board;
    this.#rack = rack;
    this.recover = iss;
  }

  /** A tail loss probe may be sent: RFC 8985 §7.3. */
  get probeReady(): boolean {
    return this.tailProbe === undefined || this.tailProbe.ready;
  }

  /** A tail loss probe was sent: see `TailLossProbe.onSent`. */
  onProbeSent(nxt: number, end: number, isRetrans: boolean): void {
    this.tailProbe ??= new TailLossProbe();
    this.tailProbe.onSent(nxt, end, isRetrans);
  }

  /** A round-trip time was measured. */
  onSample(): void {
    this.tailProbe?.onSample();
    // It knows no more than a new one.
    if (this.tailProbe?.endSeq === undefined) this.tailProbe = undefined;
  }

  get lostNext(): number {
    return this.#board.lostStart;
  }

  get lostEnd(): number {
    return this.#board.lostEnd;
  }

  /** Each ACK of something new restarts the retransmission timer. */
  get restartsTimer(): boolean {
    return true;
  }

  findLost(): boolean {
    return this.#board.findLost();
  }

  /** The window stands as the controller says, but where PRR decides. */
  quota(cwnd: number, una: number, nxt: number): number {
    return this.prr === undefined ? cwnd - this.pipe(una, nxt) : this.prr.credit;
  }

  pipe(una: number, nxt: number): number {
    return this.#board.pipe(una, nxt);
  }

  lost(): number {
    return this.#board.lost;
  }

  onSent(bytes: number): void {
    this.prr?.onSent(bytes);
  }

  /** The scoreboard knows already what was sent again. */
  onRetransmitted(): void {}

  /**
   * Takes the SACK blocks of an ACK: marks what they report, or notes in `report` that they report a duplicate.
   * Returns how many were neither: lies.
   *
   * @param ack the ACK's number: what is reported below it is a duplicate, what lies below SND.UNA may just be old.
   * @param una SND.UNA after this ACK.
   */
  takeBlocks(options: TcpOptions, ack: number, una: number, nxt: number, report: AckReport): number {
    let refused = 0;
    for (let i = 0; i < options.sackCount; i++) {
      const left = options.sackLeft[i]!;
      const right = options.sackRight[i]!;
      if (i === 0 && isDuplicate(options, ack)) {
        if (seqLt(left, right) && seqDiff(una, left) < OLDEST_DSACK && seqLe(right, nxt)) {
          report.onDuplicate(left, right);
        } else refused++;
      } else if (seqLt(left, right) && seqLe(right, nxt)) {
        // What lies below SND.UNA is just old: the scoreboard knows it no more.
        this.#board.sack(left, right, report);
        report.sackedEnd = seqMax(report.sackedEnd, right);
      } else refused++;
    }
    return refused;
  }

  /**
   * RFC 8985 §6.2 step 5 (RACK_detect_loss): what is overdue is lost. Returns the octets newly lost, and sets the
   * reordering timer for the rest.
   */
  detectLoss(now: number, minRtt: number, srtt: number): number {
    const board = this.#board;
    const rack = this.#rack;
    this.reorderAt = Infinity;
    const before = board.losses;
    const window = rack.reorderingWindow(board.sackedSegments, this.phase !== 'open', finite(minRtt), srtt);
    const wait = board.markOlder(rack.xmitTs, rack.endSeq, rack.rtt + window, now);
    if (wait > 0) this.reorderAt = now + wait;
    return board.losses - before;
  }

  /** The controller has given its answer: the flight comes down to `target`. `recoverFlight` and `earlier`: see `Prr`. */
  reduce(recoverFlight: number, target: number, mss: number, earlier: number): void {
    this.prr ??= new Prr();
    this.prr.start(recoverFlight, target, mss, earlier);
  }

  /** Losses were found: fast recovery begins. */
  enter(nxt: number): void {
    this.phase = 'recovery';
    this.congested = true;
    this.recover = nxt;
    this.tailProbe?.clear();
  }

  /** Everything up to `recover` is acknowledged. */
  ended(una: number): boolean {
    return this.phase !== 'open' && seqGe(una, this.recover);
  }

  end(una: number): void {
    this.undo(una);
    this.#rack.onRecovered();
  }

  /** The retransmission timer has expired: RFC 8985 §6.3, the first segment is lost, and whatever is overdue. */
  onTimeout(una: number, nxt: number, now: number, minRtt: number, srtt: number): void {
    const board = this.#board;
    this.tailProbe?.clear();
    this.reorderAt = Infinity;
    if (board.reneged) {
      // RFC 2018 §8, RFC 6675 §5.1: the peer has dropped what it had reported; none of it can be relied upon.
      board.forgetSacked();
      board.markLost(una, nxt);
    }
    board.markFirstLost();
    const window = this.#rack.reorderingWindow(board.sackedSegments, true, finite(minRtt), srtt);
    board.markOlder(Infinity, nxt, this.#rack.rtt + window, now);
    this.phase = una === nxt ? 'open' : 'loss';
    this.prr = undefined;
    this.congested = true;
    this.repairs = 'timeout';
    this.recover = nxt;
  }

  undo(una: number): void {
    this.phase = 'open';
    this.prr = undefined;
    this.congested = false;
    this.repairs = 'loss';
    this.recover = una;
  }

  /** What is on its way is lost, for a reason that is no congestion. */
  onPathChanged(una: number, nxt: number): void {
    this.#board.markLost(una, nxt);
    this.tailProbe?.clear();
    this.reorderAt = Infinity;
    this.phase = una === nxt ? 'open' : 'loss';
    this.prr = undefined;
    this.repairs = 'path';
    this.recover = nxt;
  }
}

/** RFC 2883 §4: the first block reports a duplicate when it lies below the ACK number, or inside the second block. */
function isDuplicate(options: TcpOptions, ack: number): boolean {
  const left = options.sackLeft[0]!;
  const right = options.sackRight[0]!;
  if (seqLe(right, ack)) return true;
  if (options.sackCount < 2) return false;
  return seqGe(left, options.sackLeft[1]!) && seqLe(right, options.sackRight[1]!);
}

function finite(minRtt: number): number {
  return minRtt === Infinity ? 0 : minRtt;
}
