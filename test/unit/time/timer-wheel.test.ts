import { describe, expect, it } from 'vitest';
import { TimerWheel } from '../../../src/time/timer-wheel.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';
import { ManualClock } from './manual-clock.ts';

const MINUTE = 60_000_000;
const DAY = 24 * 60 * MINUTE;

function virtual(): { clock: VirtualClock; wheel: TimerWheel; log: string[]; named: (name: string) => Named } {
  const clock = new VirtualClock();
  const wheel = new TimerWheel(clock);
  const log: string[] = [];
  const named = (name: string): Named => wheel.timer((now) => log.push(`${name}@${now}`));
  return { clock, wheel, log, named };
}
type Named = ReturnType<TimerWheel['timer']>;

describe('TimerWheel in virtual time', () => {
  it('fires each timer once, exactly at its deadline, near or far', () => {
    const { clock, wheel, log, named } = virtual();
    const deadlines = [1, 1023, 1024, 1025, 32_768, 1_000_000.5, 200_000, 120 * MINUTE, 3 * DAY, 40 * DAY, 900 * DAY];
    for (const deadline of deadlines) named('t').arm(deadline);
    expect(wheel.count).toBe(deadlines.length);
    clock.advance(1000 * DAY);
    expect(log).toEqual(deadlines.toSorted((a, b) => a - b).map((deadline) => `t@${deadline}`));
    expect(wheel.count).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('calls an object, and what is given back serves the next owner', () => {
    const { clock, wheel, log } = virtual();
    const owner = (name: string): { onTimer(now: number): void } => ({ onTimer: (now) => log.push(`${name}@${now}`) });
    const first = wheel.timerOf(owner('a'));
    first.arm(1000);
    clock.advance(1000);
    first.arm(3000);
    wheel.giveBack(first);
    expect(wheel.count).toBe(0);
    const second = wheel.timerOf(owner('b'));
    expect(second).toBe(first);
    expect(second.armed).toBe(false);
    second.arm(2000);
    const third = wheel.timerOf(owner('c'));
    expect(third).not.toBe(second);
    third.arm(2500);
    clock.advance(5000);
    expect(log).toEqual(['a@1000', 'b@2000', 'c@2500']);
    expect(clock.pending).toBe(0);
  });

  it('fires equal deadlines in the order they were armed; arming again counts as arming', () => {
    const { clock, log, named } = virtual();
    const [a, b, c] = [named('a'), named('b'), named('c')];
    c.arm(5000);
    a.arm(5000);
    b.arm(5000);
    c.arm(5000);
    clock.advance(5000);
    expect(log).toEqual(['a@5000', 'b@5000', 'c@5000']);
  });

  it('moves a timer to a later and to an earlier time', () => {
    const { clock, log, named } = virtual();
    const [later, earlier] = [named('later'), named('earlier')];
    later.arm(1000);
    earlier.arm(2 * MINUTE);
    later.arm(MINUTE);
    earlier.arm(500);
    expect([later.deadline, earlier.deadline]).toEqual([MINUTE, 500]);
    clock.advance(MINUTE - 1);
    expect(log).toEqual(['earlier@500']);
    clock.advance(1);
    expect(log).toEqual(['earlier@500', `later@${MINUTE}`]);
  });

  it('cancels, harmlessly when not armed, and by a deadline of Infinity', () => {
    const { clock, wheel, log, named } = virtual();
    const timer = named('t');
    timer.cancel();
    timer.arm(10);
    timer.cancel();
    timer.cancel();
    timer.arm(20);
    timer.arm(Infinity);
    timer.arm(Infinity);
    expect([timer.armed, timer.deadline, wheel.count]).toEqual([false, Infinity, 0]);
    clock.advance(DAY);
    expect(log).toEqual([]);
  });

  it('throws for NaN and leaves the timer as it was', () => {
    const { clock, log, named } = virtual();
    const timer = named('t');
    expect(() => timer.arm(NaN)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    timer.arm(7);
    expect(() => timer.arm(NaN)).toThrow(RangeError);
    clock.advance(100);
    expect(log).toEqual(['t@7']);
  });

  it('fires a deadline in the past at once, but not from inside arm', () => {
    const { clock, log, named } = virtual();
    clock.advance(MINUTE);
    named('t').arm(3);
    expect(log).toEqual([]);
    clock.advance(0);
    expect(log).toEqual([`t@${MINUTE}`]);
  });

  it('lets a callback arm itself and others, and cancel what is due at the same instant', () => {
    const { clock, wheel, log, named } = virtual();
    const victim = named('victim');
    const other = named('other');
    const self = wheel.timer((now) => {
      log.push(`self@${now}`);
      victim.cancel();
      if (now < 300) self.arm(now + 100);
      other.arm(now);
    });
    self.arm(100);
    victim.arm(100);
    clock.advance(DAY);
    expect(log).toEqual(['self@100', 'other@100', 'self@200', 'other@200', 'self@300', 'other@300']);
  });

  it('is not armed any more when its callback is called', () => {
    const { clock, wheel } = virtual();
    const seen: unknown[] = [];
    const timer = wheel.timer(() => seen.push([timer.armed, timer.deadline, wheel.count]));
    timer.arm(50);
    clock.advance(50);
    expect(seen).toEqual([[false, Infinity, 0]]);
  });

  it('loses no timer when a callback throws: the error comes out, the rest fires at the same instant', () => {
    const { clock, wheel, log, named } = virtual();
    named('before').arm(10);
    wheel
      .timer(() => {
        throw new Error('from a callback');
      })
      .arm(10);
    named('after').arm(10);
    named('later').arm(MINUTE);
    expect(() => clock.advance(DAY)).toThrow('from a callback');
    expect(clock.now()).toBe(10);
    expect(wheel.count).toBe(2);
    clock.advance(MINUTE);
    expect(log).toEqual(['before@10', 'after@10', `later@${MINUTE}`]);
  });

  it('refuses advance from inside a callback', () => {
    const { clock, wheel } = virtual();
    wheel.timer((now) => wheel.advance(now)).arm(1);
    expect(() => clock.advance(1)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
  });

  it('is silent after close, also when closed from a callback', () => {
    const { clock, wheel, log, named } = virtual();
    const [near, far] = [named('near'), named('far')];
    near.arm(100);
    far.arm(900 * DAY);
    const late = named('late');
    wheel
      .timer((now) => {
        late.arm(now);
        wheel.close();
        late.arm(now + 5);
      })
      .arm(100);
    named('same instant').arm(100);
    clock.advance(1000 * DAY);
    expect(log).toEqual(['near@100']);
    near.arm(clock.now() + 1);
    expect([near.armed, far.armed, late.armed, wheel.count, clock.pending]).toEqual([false, false, false, 0, 0]);
  });

  it('starts at any time of the clock, also before zero', () => {
    const clock = new VirtualClock({ start: -5000 });
    const wheel = new TimerWheel(clock);
    const fired: number[] = [];
    for (const deadline of [-4999, -1025, -1, 0, 1, 1024]) wheel.timer((now) => fired.push(now)).arm(deadline);
    clock.advance(10_000);
    expect(fired).toEqual([-4999, -1025, -1, 0, 1, 1024]);
  });
});

describe('TimerWheel and its clock timer', () => {
  it('has one clock timer, armed for the earliest deadline, and none when no timer is armed', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    const [a, b] = [wheel.timer(() => {}), wheel.timer(() => {})];
    expect(clock.timers.length).toBe(1);
    const [only] = clock.timers;
    expect(only!.deadline).toBe(Infinity);
    a.arm(5_000_000);
    expect(only!.deadline).toBe(5_000_000);
    b.arm(300_000);
    expect(only!.deadline).toBe(300_000);
    clock.time = 300_000;
    only!.fire();
    expect(only!.deadline).toBe(5_000_000);
    a.cancel();
    expect(only!.deadline).toBe(Infinity);
  });

  it('does not touch the clock timer when a timer moves to a later time', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    const timer = wheel.timer(() => {});
    timer.arm(200_000);
    const { armings } = clock.timers[0]!;
    for (let i = 0; i < 1000; i++) timer.arm(200_000 + i * 1000);
    expect(clock.timers[0]!.armings).toBe(armings);
    // One wake-up at the old time corrects it.
    clock.time = 200_000;
    clock.timers[0]!.fire();
    expect(clock.timers[0]!.deadline).toBe(1_199_000);
  });

  it('does not wake up for timers that were cancelled while others ran', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    const cancelled = [300_000, 310_000, 2_000_000, 100 * DAY].map((deadline) => {
      const timer = wheel.timer(() => {});
      timer.arm(deadline);
      return timer;
    });
    wheel.timer(() => cancelled.forEach((timer) => timer.cancel())).arm(100_000);
    wheel.timer(() => {}).arm(5_000_000);
    wheel.timer(() => {}).arm(200 * DAY);
    // The timers of 100 and 200 days wait in one list, whose bound stays at the earlier.
    const wakeUps = [100_000];
    while (wheel.count > 0) {
      clock.time = wakeUps.at(-1)!;
      clock.timers[0]!.fire();
      wakeUps.push(clock.timers[0]!.deadline);
    }
    expect(wakeUps).toEqual([100_000, 5_000_000, 100 * DAY, 200 * DAY, Infinity]);
  });

  it('wakes up once for a far timer', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    const fired: number[] = [];
    wheel.timer((now) => fired.push(now)).arm(5 * DAY);
    clock.time = 5 * DAY;
    clock.timers[0]!.fire();
    expect(fired).toEqual([5 * DAY]);
    expect(clock.timers[0]!.deadline).toBe(Infinity);
  });

  it('is never early when the clock is late or calls without need', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    const fired: string[] = [];
    wheel.timer((now) => fired.push(`a@${now}`)).arm(2000.5);
    wheel.timer((now) => fired.push(`b@${now}`)).arm(2000.25);
    clock.time = 2000;
    clock.timers[0]!.fire();
    expect(fired).toEqual([]);
    clock.time = 3100;
    clock.timers[0]!.fire();
    expect(fired).toEqual(['b@3100', 'a@3100']);
  });

  it('leaves what a callback arms for the past to the next run, so that I/O gets its turn', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    let calls = 0;
    const timer = wheel.timer((now) => {
      calls++;
      timer.arm(now - 10);
    });
    timer.arm(100);
    clock.time = 100;
    clock.timers[0]!.fire();
    expect(calls).toBe(1);
    expect(clock.timers[0]!.deadline).toBe(90);
    clock.timers[0]!.fire();
    expect(calls).toBe(2);
  });

  it('may be advanced by hand, and goes on when time seems to go back', () => {
    const clock = new ManualClock();
    const wheel = new TimerWheel(clock);
    const fired: number[] = [];
    wheel.timer((now) => fired.push(now)).arm(50_000);
    wheel.advance(1_000_000);
    wheel.timer((now) => fired.push(now)).arm(60_000);
    wheel.advance(40_000);
    expect(fired).toEqual([1_000_000]);
    expect(clock.timers[0]!.deadline).toBe(60_000);
    wheel.advance(60_000);
    expect(fired).toEqual([1_000_000, 60_000]);
  });
});
