import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/sim/index.ts';
import type { Participant } from '../../../src/stack/turn.ts';
import { Turn } from '../../../src/stack/turn.ts';
import type { Clock } from '../../../src/time/clock.ts';

/** A participant that writes down what it is asked to do. */
class Scripted implements Participant {
  touched: boolean = false;
  readonly name: string;
  readonly #log: string[];
  /** Callbacks that are due. */
  readonly callbacks: (() => void)[] = [];

  constructor(name: string, log: string[]) {
    this.name = name;
    this.#log = log;
  }

  get due(): boolean {
    return this.callbacks.length > 0;
  }

  deliver(): void {
    for (let next = this.callbacks.shift(); next !== undefined; next = this.callbacks.shift()) {
      this.#log.push(`${this.name} tells`);
      next();
    }
  }

  output(_now: number): void {
    this.#log.push(`${this.name} sends`);
  }
}

function bench(): { turn: Turn; clock: VirtualClock; log: string[]; make: (name: string) => Scripted } {
  const clock = new VirtualClock();
  const log: string[] = [];
  const turn = new Turn({ clock, nextSender: () => {}, flush: () => void log.push('flush') });
  return { turn, clock, log, make: (name) => new Scripted(name, log) };
}

describe('Turn', () => {
  it('tells all owners first, then sends for all, then flushes', () => {
    const { turn, log, make } = bench();
    const [a, b] = [make('a'), make('b')];
    a.callbacks.push(() => {});
    b.callbacks.push(() => {});
    turn.begin();
    turn.touch(a);
    turn.touch(b);
    turn.touch(a);
    turn.finish();
    expect(log).toEqual(['a tells', 'b tells', 'a sends', 'b sends', 'flush', 'flush']);
  });

  it('comes soon by itself when the program wrote outside a batch', () => {
    const { turn, clock, log, make } = bench();
    turn.touch(make('a'));
    expect(log).toEqual([]);
    clock.advance(0);
    expect(log.slice(0, 2)).toEqual(['a sends', 'flush']);
    expect(turn.waiting).toBe(0);
  });

  it('lets a socket that an owner wrote to send in the same round', () => {
    const { turn, log, make } = bench();
    const [a, b] = [make('a'), make('b')];
    a.callbacks.push(() => turn.touch(b));
    turn.begin();
    turn.touch(a);
    turn.finish();
    expect(log.slice(0, 4)).toEqual(['a tells', 'a sends', 'b sends', 'flush']);
  });

  it('sends by the time that it is after the callbacks, however long they took', () => {
    const { turn, clock, make } = bench();
    const a = make('a');
    const times: number[] = [];
    a.output = (now) => void times.push(now);
    a.callbacks.push(() => clock.advance(300_000));
    turn.begin();
    turn.touch(a);
    turn.finish();
    expect(times).toEqual([300_000]);
  });

  /** `a` throws, and has more to tell; `b` waits. */
  function throwing(): ReturnType<typeof bench> {
    const made = bench();
    const { turn, log, make } = made;
    const [a, b] = [make('a'), make('b')];
    a.callbacks.push(
      () => {
        throw new Error('mine');
      },
      () => log.push('second'),
    );
    b.callbacks.push(() => {});
    turn.begin();
    turn.touch(a);
    turn.touch(b);
    return made;
  }

  it('costs nobody a callback when one throws; the clock reports the error before there is another', () => {
    const { turn, clock, log } = throwing();
    turn.finish();
    expect(log).toEqual(['a tells', 'flush', 'flush']);
    expect(() => clock.advance(0)).toThrow('mine');
    expect(log).toHaveLength(3);
    clock.advance(0);
    expect(log.slice(3, 8)).toEqual(['a tells', 'second', 'b tells', 'a sends', 'b sends']);
    expect(turn.waiting).toBe(0);
  });

  it('that must be done at once is, whatever callbacks throw', () => {
    const { turn, clock, log } = throwing();
    turn.finish();
    log.length = 0;
    turn.settle();
    expect(log.slice(0, 5)).toEqual(['a tells', 'second', 'b tells', 'a sends', 'b sends']);
    expect(() => clock.advance(0)).toThrow('mine');
  });

  it('that must be done at once is, also where the first to be told throws', () => {
    const { turn, clock, log, make } = bench();
    const a = make('a');
    turn.touch(a);
    a.callbacks.push(() => {
      throw new Error('mine');
    });
    turn.settle();
    expect(log.slice(0, 2)).toEqual(['a tells', 'a sends']);
    expect(() => clock.advance(0)).toThrow('mine');
  });

  it('lets the program go on when owners answer themselves for ever', () => {
    const { turn, clock, log, make } = bench();
    const [a, b] = [make('a'), make('b')];
    // Each tells the other something after the other's callbacks were made.
    const provoke = (self: Scripted, other: Scripted) => (): void => {
      other.callbacks.push(provoke(other, self));
      turn.touch(other);
    };
    a.output = () => {
      b.callbacks.push(provoke(b, a));
      turn.touch(b);
    };
    b.output = () => {
      a.callbacks.push(() => {});
      turn.touch(a);
    };
    turn.begin();
    turn.touch(a);
    turn.finish();
    expect(log.length).toBeLessThan(1000);
    expect(turn.waiting).toBeGreaterThan(0);
    expect(clock.pending).toBeGreaterThan(0);
  });

  it('lets the program go on when rounds take long: its own timers are due', () => {
    const virtual = new VirtualClock();
    let spent = 0;
    const clock: Clock = {
      resolution: 1000,
      now: () => spent,
      wallTime: () => 0,
      timer: (fn) => virtual.timer(fn),
      defer: (fn) => virtual.defer(fn),
    };
    const turn = new Turn({ clock, nextSender: () => {}, flush: () => {} });
    let rounds = 0;
    const busy: Participant = {
      touched: false,
      due: false,
      deliver: () => {},
      output: () => {
        rounds++;
        spent += 900;
        turn.touch(busy);
      },
    };
    turn.begin();
    turn.touch(busy);
    turn.finish();
    // The one that is begun within 2 ms is the last.
    expect(rounds).toBe(3);
    expect(turn.waiting).toBe(1);
    expect(virtual.pending).toBe(1);
  });
});
