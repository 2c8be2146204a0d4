import { describe, expect, it } from 'vitest';
import { checkFree } from '../../../../src/node/demo/tun.ts';

const entry = {
  netmask: '255.255.255.0',
  mac: '00:00:00:00:00:00',
  internal: false,
  family: 'IPv4',
} as const;
const devices = {
  eth0: [{ ...entry, address: '192.0.2.7', cidr: '192.0.2.7/24' }],
  tun0: [{ ...entry, address: '10.7.0.1', cidr: '10.7.0.1/24' }],
};

describe('the demo’s addresses', () => {
  it('may not be on another device of the kernel', () => {
    const refusal = expect.objectContaining({
      code: 'ERR_INVALID_STATE',
      message: expect.stringMatching(/^the kernel has 10\.7\.0\.1 on tun0 already: [^\n]*--kernel-address/) as string,
    }) as Error;
    expect(() => checkFree('10.7.0.1/24', undefined, devices)).toThrow(refusal);
    expect(() => checkFree('10.7.0.1/16', 'tun1', devices)).toThrow(refusal);
  });

  it('may be written in other ways', () => {
    const ipv6 = { ...entry, family: 'IPv6', scopeid: 0, address: 'fd00::1', cidr: 'fd00::1/64' } as const;
    expect(() => checkFree('FD00:0::1/64', undefined, { tun0: [ipv6] })).toThrow(/^the kernel has fd00::1 on tun0/);
  });

  it('may be on the device that is asked for, or nowhere', () => {
    expect(() => checkFree('10.7.0.1/24', 'tun0', devices)).not.toThrow();
    expect(() => checkFree('10.7.0.11/24', undefined, devices)).not.toThrow();
  });
});
