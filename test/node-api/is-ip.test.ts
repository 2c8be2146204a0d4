import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

describe.each(MODULES)('$name: what needs no socket', ({ make }) => {
  let modules: Modules;
  beforeEach(() => {
    modules = make();
  });
  afterEach(() => modules.end());

  it.each([
    ['127.0.0.1', 4],
    ['::1', 6],
    ['127.0.0.256', 0],
    ['', 0],
  ])('isIP(%j) is %i', (text, family) => {
    expect(modules.net.isIP(text)).toBe(family);
    expect(modules.net.isIPv4(text)).toBe(family === 4);
    expect(modules.net.isIPv6(text)).toBe(family === 6);
  });
});
