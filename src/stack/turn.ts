import type { Clock } from '../time/clock.ts';

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
  /** Hands queued packets to the links. */
  flush(): void;
}

/** Rounds in one turn before it lets the program go on: owners that keep answering themselves never stop it. */
const MAX_ROUNDS = 16;

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

  /** Ends a batch: delivers, sends, flushes. */
  finish(): void {
    this.#running = true;
    try {
      for (let round = 0; round < MAX_ROUNDS && this.#touched.length > 0; round++) {
        this.#round();
        this.#host.flush();
      }
      this.#host.flush();
      for (const fn of this.#afterwards) fn();
    } finally {
      this.#running = false;
      if (this.#touched.length > 0) this.#schedule();
    }
  }

  /** What waits is done now, unless a turn is running anyway. */
  settle(): void {
    if (!this.#running) this.finish();
  }

  #round(): void {
    const participants = this.#touched;
    // The list grows while owners write to other sockets: those send in this round too.
    for (let i = 0; i < participants.length; i++) this.#deliver(participants[i]!);
    this.#touched = [];
    // Read again: an owner may have computed for long, and timers of what is sent now must not be due at once.
    const now = this.#host.clock.now();
    for (const participant of participants) {
      participant.touched = false;
      participant.output(now);
      // An owner told this one something after its callbacks had been made.
      if (participant.due) this.touch(participant);
    }
  }

  /** What a callback throws goes where the program's other errors go; it costs nobody else a callback. */
  #deliver(participant: Participant): void {
    do {
      try {
        participant.deliver();
      } catch (error) {
        this.#host.clock.defer(() => {
          throw error;
        });
      }
    } while (participant.due);
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
