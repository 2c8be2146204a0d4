import { describe, expect, it } from 'vitest';
import type { CongestionFactory } from '../../../../src/tcp/congestion/controller.ts';
import { CongestionControls, congestionByName, congestionControls } from '../../../../src/tcp/congestion/registry.ts';
import { reno } from '../../../../src/tcp/congestion/reno.ts';

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
    expect(congestionByName('reno')).toBe(reno);
    expect(congestionControls.names()).toContain('reno');
    expect(congestionControls.has('reno')).toBe(true);
  });

  it('takes a controller of the user’s own', () => {
    const controls = new CongestionControls();
    controls.register('fixed', fixed);
    expect(controls.get('fixed')({ mss: 100, initialWindow: 1000, now: 0 }).cwnd).toBe(2000);
    expect(controls.names()).toEqual([...new CongestionControls().names(), 'fixed']);
    expect(new CongestionControls().has('fixed')).toBe(false);
  });

  it('names what there is when a name is unknown', () => {
    expect(() => congestionByName('vegas')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    expect(() => congestionByName('vegas')).toThrow(/'vegas'.*reno/);
  });

  it('refuses what is no factory and what is no name', () => {
    const controls = new CongestionControls();
    const wrong: unknown = 'reno';
    expect(() => controls.register('x', wrong as CongestionFactory)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    );
    expect(() => controls.register('', fixed)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  });
});
