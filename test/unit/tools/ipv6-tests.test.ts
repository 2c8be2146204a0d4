import { describe, expect, it } from 'vitest';
import { LEFT_OUT, familyTests, ipv6Tests } from '../../support/ipv6-tests.ts';

describe('the tests that run again over IPv6', () => {
  it('are those that stand on the family of addresses, directly or through a support', () => {
    const run = ipv6Tests();
    expect(run).toContain('test/rfc/rfc6191.test.ts');
    expect(run).toContain('test/rfc/rfc6675.test.ts');
    expect(run).not.toContain('test/rfc/rfc791.test.ts');
    expect(run.filter((file) => file.endsWith('.long.test.ts'))).toEqual([]);
    expect(run.length).toBeGreaterThan(50);
  });

  it('without some, each for a reason, that would be among them', () => {
    const all = familyTests();
    for (const [file, reason] of Object.entries(LEFT_OUT)) {
      expect(all).toContain(file);
      expect(reason).not.toBe('');
    }
    expect(ipv6Tests()).toEqual(all.filter((file) => LEFT_OUT[file] === undefined));
  });
});
