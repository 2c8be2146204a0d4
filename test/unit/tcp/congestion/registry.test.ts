import { describe, expect, it } from 'vitest';
import type {
  CongestionController,
  CongestionFactory,
  CongestionStart,
} from '../../../../src/tcp/congestion/controller.ts';
import { CongestionControls, congestionControls, makeCongestion } from '../../../../src/tcp/congestion/registry.ts';
import { reno } from '../../../../src/tcp/congestion/reno.ts';

const START: CongestionStart = { mss: 1000, initialWindow: 10_000, now: 0 };

/** A controller of a user, as short as it can be. */
const fixed: CongestionFactory = ({ mss }) => ({
  name: 'fixed',
  cwnd: 20 * mss,
  ssthresh: 20 * mss,
  onAck() {},
  onCongestion() {},
  onRecovered() {},
  onIdle() {},
});

describe('CongestionControls', () => {
  it('knows reno', () => {
    expect(congestionControls.get('reno')).toBe(reno);
    expect(congestionControls.names()).toContain('reno');
    expect(congestionControls.has('reno')).toBe(true);
  });

  it('takes a controller of the user’s own', () => {
    const controls = new CongestionControls();
    controls.register('fixed', fixed);
    expect(controls.get('fixed')({ ...START, mss: 100 }).cwnd).toBe(2000);
    expect(controls.names()).toEqual([...new CongestionControls().names(), 'fixed']);
    expect(new CongestionControls().has('fixed')).toBe(false);
  });

  it('names what there is when a name is unknown', () => {
    expect(() => makeCongestion('vegas', START)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    expect(() => makeCongestion('vegas', START)).toThrow(/'vegas'.*reno/);
  });

  it.each([
    ['nothing', undefined, /must return a controller, not undefined/],
    ['null', null, /must return a controller, not null/],
    ['no ssthresh', { ...fixed(START), ssthresh: undefined }, /ssthresh is a number, not undefined/],
    ['a window of letters', { ...fixed(START), cwnd: '14600' }, /cwnd is a number, not string/],
    ['no onAck', { ...fixed(START), onAck: undefined }, /a method onAck/],
  ])('refuses a factory that returns %s', (name, made: unknown, message) => {
    congestionControls.register(name, () => made as CongestionController);
    expect(() => makeCongestion(name, START)).toThrow(message);
    expect(() => makeCongestion(name, START)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });

  it('refuses what is no factory and what is no name', () => {
    const controls = new CongestionControls();
    const wrong: unknown = 'reno';
    expect(() => controls.register('x', wrong as CongestionFactory)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    expect(() => controls.register('', fixed)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    const number: unknown = 7;
    expect(() => controls.register(number as string, fixed)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });
});
