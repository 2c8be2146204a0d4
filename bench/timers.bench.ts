import { VirtualClock } from '../src/time/virtual-clock.ts';
import { TimerWheel } from '../src/time/timer-wheel.ts';
import { report } from './support/report.ts';

const COUNT = 100_000;
const wheel = new TimerWheel(new VirtualClock());
const timers = Array.from({ length: COUNT }, () => wheel.timer(() => {}));
const delays = Array.from({ length: COUNT }, (_, i) => 1000 + ((i * 7919) % COUNT) * 100);
let next = 0;
let later = 0;

/** Each operation goes on to the next of 100,000 timers: what many connections do, caches included. */
await report('timer wheel, 100,000 timers', {
  're-arm later': () => {
    timers.forEach((timer, i) => timer.arm(delays[i]!));
    return () => {
      next = (next + 1) % COUNT;
      timers[next]!.arm(delays[next]! + ++later);
    };
  },
  'cancel and arm': () => {
    timers.forEach((timer, i) => timer.arm(delays[i]!));
    return () => {
      next = (next + 1) % COUNT;
      timers[next]!.cancel();
      timers[next]!.arm(delays[next]!);
    };
  },
});
