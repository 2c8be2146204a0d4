import { expect, it } from 'vitest';
import { DEFAULT_CONNECTION_OPTIONS, resolveOptions, withOption } from '../../../src/tcp/options.ts';

it('connections that set the same yes or no share their options, and those they had stay', () => {
  const quick = resolveOptions({ noDelay: true });
  expect(quick).toEqual({ ...DEFAULT_CONNECTION_OPTIONS, noDelay: true });
  expect(resolveOptions({ noDelay: true })).toBe(quick);
  expect(DEFAULT_CONNECTION_OPTIONS.noDelay).toBe(false);
  const both = withOption(quick, 'keepAlive', true);
  expect(both).toEqual({ ...DEFAULT_CONNECTION_OPTIONS, noDelay: true, keepAlive: true });
  expect(withOption(quick, 'keepAlive', true)).toBe(both);
  expect(withOption(quick, 'dscp', 8)).toEqual({ ...quick, dscp: 8 });
});
