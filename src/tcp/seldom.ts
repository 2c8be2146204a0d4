import type { ErrorCode, SystemError } from '../errors.ts';
import type { Cork } from './cork.ts';
import type { FastOpen } from './fast-open-state.ts';
import type { Frto } from './frto.ts';
import type { Keepalive } from './keepalive.ts';
import type { Pacer } from './pacer.ts';
import type { Persist } from './persist.ts';
import type { Reassembly } from './reassembly.ts';
import type { SackBlocks } from './sack-blocks.ts';
import type { SpuriousDetector } from './spurious.ts';
import type { UrgentMark } from './urgent.ts';
import type { UserTimeout } from './user-timeout.ts';
import { ConnectionFlags } from './flags.ts';

/** What few connections have, or have for long. */
class Seldom {
  reassembly: Reassembly | undefined = undefined;
  sackBlocks: SackBlocks | undefined = undefined;
  urgentOut: UrgentMark | undefined = undefined;
  urgentIn: UrgentMark | undefined = undefined;
  spurious: SpuriousDetector | undefined = undefined;
  frto: Frto | undefined = undefined;
  frtoCredit: number = 0;
  timerUndoneAt: number = -1;
  pacer: Pacer | undefined = undefined;
  persist: Persist | undefined = undefined;
  keepalive: Keepalive | undefined = undefined;
  cork: Cork | undefined = undefined;
  userTimeout: UserTimeout | undefined = undefined;
  fastOpen: FastOpen | undefined = undefined;
  error: SystemError | undefined = undefined;
  softError: ErrorCode | undefined = undefined;
  trouble: ErrorCode = 'ETIMEDOUT';
  challengedAt: number | undefined = undefined;
  releaseAt: number | undefined = undefined;
  expiries: number = 0;
  timeouts: number = 0;
  undos: number = 0;
  segmentsRetransmitted: number = 0;
  duplicateAcksReceived: number = 0;
}

/** That of all connections that have none of it: never written to. */
const NOTHING: Readonly<Seldom> = new Seldom();

/**
 * The parts and numbers of a connection that most never need: they stand in an object of their own, which is made with
 * the first of them. There are many connections, and a field takes eight bytes.
 */
export class SeldomParts extends ConnectionFlags {
  #seldom: Readonly<Seldom> = NOTHING;

  /** What has arrived behind a gap, while there is any. */
  get reassembly(): Reassembly | undefined {
    return this.#seldom.reassembly;
  }

  set reassembly(value: Reassembly | undefined) {
    if (value !== this.#seldom.reassembly) this.#own().reassembly = value;
  }

  /** What is to be reported of it, or of what came twice, while there is something. */
  get sackBlocks(): SackBlocks | undefined {
    return this.#seldom.sackBlocks;
  }

  set sackBlocks(value: SackBlocks | undefined) {
    if (value !== this.#seldom.sackBlocks) this.#own().sackBlocks = value;
  }

  /** SND.UP, while urgent data is outstanding. [MUST-30] RFC 9293 §3.8.5 */
  get urgentOut(): UrgentMark | undefined {
    return this.#seldom.urgentOut;
  }

  set urgentOut(value: UrgentMark | undefined) {
    if (value !== this.#seldom.urgentOut) this.#own().urgentOut = value;
  }

  /** RCV.UP, likewise. */
  get urgentIn(): UrgentMark | undefined {
    return this.#seldom.urgentIn;
  }

  set urgentIn(value: UrgentMark | undefined) {
    if (value !== this.#seldom.urgentIn) this.#own().urgentIn = value;
  }

  /** Finds out that a loss was none; from the first loss on, or as long as it watches. */
  get spurious(): SpuriousDetector | undefined {
    return this.#seldom.spurious;
  }

  set spurious(value: SpuriousDetector | undefined) {
    if (value !== this.#seldom.spurious) this.#own().spurious = value;
  }

  /** While it watches a time-out. */
  get frto(): Frto | undefined {
    return this.#seldom.frto;
  }

  set frto(value: Frto | undefined) {
    if (value !== this.#seldom.frto) this.#own().frto = value;
  }

  /** Bytes of new data that F-RTO may send whatever the window says. */
  get frtoCredit(): number {
    return this.#seldom.frtoCredit;
  }

  set frtoCredit(value: number) {
    if (value !== this.#seldom.frtoCredit) this.#own().frtoCredit = value;
  }

  /** When a time-out was found to have been none; −1 once the timer has learnt from it. */
  get timerUndoneAt(): number {
    return this.#seldom.timerUndoneAt;
  }

  set timerUndoneAt(value: number) {
    if (value !== this.#seldom.timerUndoneAt) this.#own().timerUndoneAt = value;
  }

  /** Where congestion control paces. */
  get pacer(): Pacer | undefined {
    return this.#seldom.pacer;
  }

  set pacer(value: Pacer | undefined) {
    if (value !== this.#seldom.pacer) this.#own().pacer = value;
  }

  /** While a closed window is to be probed. */
  get persist(): Persist | undefined {
    return this.#seldom.persist;
  }

  set persist(value: Persist | undefined) {
    if (value !== this.#seldom.persist) this.#own().persist = value;
  }

  /** While it is turned on. */
  get keepalive(): Keepalive | undefined {
    return this.#seldom.keepalive;
  }

  set keepalive(value: Keepalive | undefined) {
    if (value !== this.#seldom.keepalive) this.#own().keepalive = value;
  }

  /** While it holds something back, or has let it go. */
  get cork(): Cork | undefined {
    return this.#seldom.cork;
  }

  set cork(value: Cork | undefined) {
    if (value !== this.#seldom.cork) this.#own().cork = value;
  }

  /** Where RFC 5482's option is used. */
  get userTimeout(): UserTimeout | undefined {
    return this.#seldom.userTimeout;
  }

  set userTimeout(value: UserTimeout | undefined) {
    if (value !== this.#seldom.userTimeout) this.#own().userTimeout = value;
  }

  /** Set where Fast Open has a part in the handshake. */
  get fastOpen(): FastOpen | undefined {
    return this.#seldom.fastOpen;
  }

  set fastOpen(value: FastOpen | undefined) {
    if (value !== this.#seldom.fastOpen) this.#own().fastOpen = value;
  }

  /** Why the connection has ended. */
  get error(): SystemError | undefined {
    return this.#seldom.error;
  }

  set error(value: SystemError | undefined) {
    if (value !== this.#seldom.error) this.#own().error = value;
  }

  /** The last soft error (RFC 9293 §3.9.2.2): reported in place of ETIMEDOUT. */
  get softError(): ErrorCode | undefined {
    return this.#seldom.softError;
  }

  set softError(value: ErrorCode | undefined) {
    if (value !== this.#seldom.softError) this.#own().softError = value;
  }

  /** What `onSoftError` is to tell. */
  get trouble(): ErrorCode {
    return this.#seldom.trouble;
  }

  set trouble(value: ErrorCode) {
    if (value !== this.#seldom.trouble) this.#own().trouble = value;
  }

  /** When a challenge ACK or an answer to an unacceptable segment was last sent (RFC 5961 §7). */
  get challengedAt(): number | undefined {
    return this.#seldom.challengedAt;
  }

  set challengedAt(value: number | undefined) {
    if (value !== this.#seldom.challengedAt) this.#own().challengedAt = value;
  }

  /** When an orphan stops keeping the process alive. */
  get releaseAt(): number | undefined {
    return this.#seldom.releaseAt;
  }

  set releaseAt(value: number | undefined) {
    if (value !== this.#seldom.releaseAt) this.#own().releaseAt = value;
  }

  /** Expiries of the retransmission timer without anything acknowledged between them: R1 counts these. */
  get expiries(): number {
    return this.#seldom.expiries;
  }

  set expiries(value: number) {
    if (value !== this.#seldom.expiries) this.#own().expiries = value;
  }

  /** Expiries of the retransmission timer, ever. */
  get timeouts(): number {
    return this.#seldom.timeouts;
  }

  set timeouts(value: number) {
    if (value !== this.#seldom.timeouts) this.#own().timeouts = value;
  }

  /** Losses that were found to have been none. */
  get undos(): number {
    return this.#seldom.undos;
  }

  set undos(value: number) {
    if (value !== this.#seldom.undos) this.#own().undos = value;
  }

  /** Segments sent again. */
  get segmentsRetransmitted(): number {
    return this.#seldom.segmentsRetransmitted;
  }

  set segmentsRetransmitted(value: number) {
    if (value !== this.#seldom.segmentsRetransmitted) this.#own().segmentsRetransmitted = value;
  }

  /** Duplicate ACKs. */
  get duplicateAcksReceived(): number {
    return this.#seldom.duplicateAcksReceived;
  }

  set duplicateAcksReceived(value: number) {
    if (value !== this.#seldom.duplicateAcksReceived) this.#own().duplicateAcksReceived = value;
  }

  #own(): Seldom {
    if (this.#seldom === NOTHING) this.#seldom = new Seldom();
    return this.#seldom;
  }
}
