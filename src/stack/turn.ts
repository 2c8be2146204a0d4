import type { Clock } from '../time/clock.ts';
import { raise } from '../time/raise.ts';

/** A socket as the turn sees it. */
export interface Participant {
  /** Waits in a turn's list. Kept by the turn. */
  touched: boolean;
  /** Callbacks wait for the owner. */
  readonly due: boolean;
  /** Makes the callbacks; what one throws passes through, the others stay due. */
  deliver(): void;
  /** Sends what may be sent. */
  output(now: number): void;
}

/** What a turn does when all participants have had their say. */
export interface TurnHost {
  readonly clock: Clock;
  /** The next participant is about to send. */
  nextSender(): void;
  /** Hands queued packets to the links. */
  flush(): void;
}

/** Rounds in one turn before it lets the program go on: owners that keep answering themselves never stop it. */
const MAX_ROUNDS = 16;
/** Microseconds after which a turn begins no further round: the program's own timers are a millisecond apart at best. */
const MAX_TIME = 2000;

/**
 * The order of things at the end of a batch (and, when the program itself wrote, at the end of its turn): first every
 * touched socket tells its owner what has come, then every one of them sends, then there is one flush. So an ACK rides
 * on the answer where there is one.
 */
export class Turn {
  readonly #host: TurnHost;
  #touched: Participant[] = [];
  readonly #afterwards = new Set<() => void>();
  #running: boolean = false;
  #scheduled: boolean = false;

  constructor(host: TurnHost) {
    this.#host = host;
  }

  /** Participants that wait for a turn. */
  get waiting(): number {
    return this.#touched.length;
  }

  /** The participant takes part in this turn, or in one that comes soon. */
  touch(participant: Participant): void {
    if (participant.touched) return;
    participant.touched = true;
    this.#touched.push(participant);
    this.#schedule();
  }

  /** Packets were queued outside a turn: one comes soon. */
  wantFlush(): void {
    this.#schedule();
  }

  /** Calls `fn` at the end of every turn; returns a function that ends it. */
  afterwards(fn: () => void): () => void {
    this.#afterwards.add(fn);
    return () => void this.#afterwards.delete(fn);
  }

  /** Begins a batch: touching schedules nothing, `finish` follows. */
  begin(): void {
    this.#running = true;
  }

  /** Ends a batch: delivers, sends, flushes. When a callback throws, what is left comes soon, in a turn of its own. */
  finish(): void {
    this.#go(true);
  }

  /** What waits is done now, whatever callbacks throw, unless a turn is running anyway. */
  settle(): void {
    if (!this.#running) this.#go(false);
  }

  #go(stopAtError: boolean): void {
    this.#running = true;
    try {
      const { clock } = this.#host;
      const end = clock.now() + MAX_TIME;
      let whole = true;
      for (let round = 0; whole && round < MAX_ROUNDS && this.#touched.length > 0; round++) {
        if (round > 0 && clock.now() > end) break;
        whole = this.#round(stopAtError);
        this.#host.flush();
      }
      this.#host.flush();
      for (const fn of this.#afterwards) fn();
    } finally {
      this.#running = false;
      if (this.#touched.length > 0) this.#schedule();
    }
  }

  /** False: a callback threw, and the participants from that one on wait. */
  #round(stopAtError: boolean): boolean {
    const participants = this.#touched;
    let told = 0;
    // The list grows while owners write to other sockets: those send in this round too.
    while (told < participants.length && this.#deliver(participants[told]!, stopAtError)) told++;
    const waiting = participants.splice(told);
    this.#touched = waiting;
    const whole = waiting.length === 0;
    // Read again: an owner may have computed for long, and timers of what is sent now must not be due at once.
    const now = this.#host.clock.now();
    for (const participant of participants) {
      participant.touched = false;
      this.#host.nextSender();
      participant.output(now);
      // An owner told this one something after its callbacks had been made.
      if (participant.due) this.touch(participant);
    }
    return whole;
  }

  /** What a callback throws goes where the program's other errors go; it costs nobody a callback. */
  #deliver(participant: Participant, stopAtError: boolean): boolean {
    do {
      try {
        participant.deliver();
      } catch (error) {
        raise(this.#host.clock, error);
        if (stopAtError) return false;
      }
    } while (participant.due);
    return true;
  }

  #schedule(): void {
    if (this.#running || this.#scheduled) return;
    this.#scheduled = true;
    this.#host.clock.defer(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    this.finish();
  };
}
