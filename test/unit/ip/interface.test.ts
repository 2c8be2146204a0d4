import { describe, expect, it } from 'vitest';
import { TransmitQueue } from '../../../src/buffer/transmit-queue.ts';
import type { InterfaceOptions } from '../../../src/ip/interface.ts';
import { NetworkInterface } from '../../../src/ip/interface.ts';
import { address } from './fixture.ts';

function makeInterface(options: Partial<InterfaceOptions> = {}): { iface: NetworkInterface; changes: () => number } {
  let changes = 0;
  const iface = new NetworkInterface(
    1,
    { name: 'eth0', queue: new TransmitQueue(), ...options },
    {
      changed: () => changes++,
      claim: () => {},
      losesAddress: () => {},
      tentativeChanged: () => {},
      transmitted: () => {},
    },
  );
  return { iface, changes: () => changes };
}

describe('NetworkInterface', () => {
  it('starts with the defaults', () => {
    const { iface } = makeInterface();
    expect(iface).toMatchObject({ index: 1, name: 'eth0', medium: 'ip', mtu: 1500, up: true, loopback: false });
    expect(iface.offload).toEqual({ checksum: false, tso: 0, uso: 0 });
    expect(iface.addresses).toEqual([]);
  });

  it('adds and removes addresses and tells of it', () => {
    const { iface, changes } = makeInterface({ addresses: ['10.0.0.2/24'] });
    iface.addAddress('fd00::2/64');
    iface.addAddress('10.1.0.2/31');
    expect(iface.addresses.map(String)).toEqual(['10.0.0.2/24', 'fd00::2/64', '10.1.0.2/31']);
    expect(iface.broadcasts.map(String)).toEqual(['10.0.0.255']);
    iface.removeAddress('10.0.0.2');
    iface.removeAddress('fd00::2/64');
    expect(iface.addresses.map(String)).toEqual(['10.1.0.2/31']);
    expect(changes()).toBe(4);
  });

  it.each(['224.0.0.1/24', '0.0.0.0/8', '255.255.255.255/32', '10.0.0.255/24', 'ff02::1/64', '10.0.0.1', 'x'])(
    'refuses %s as an address',
    (text) => {
      const { iface, changes } = makeInterface();
      expect(() => iface.addAddress(text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
      expect(changes()).toBe(0);
    },
  );

  it('refuses an address it has, and to remove one it has not', () => {
    const { iface } = makeInterface({ addresses: ['10.0.0.2/24'] });
    expect(() => iface.addAddress('10.0.0.2/16')).toThrow(/has the address 10\.0\.0\.2 already/);
    expect(() => iface.removeAddress('10.0.0.3')).toThrow(/eth0 has no address 10\.0\.0\.3/);
  });

  it.each([0, 67, 1500.5, Number.NaN, '1500'])('refuses an MTU of %s', (mtu) => {
    expect(() => makeInterface({ mtu: mtu as number })).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  });

  it('cuts an MTU that no IP packet can fill', () => {
    expect(makeInterface({ mtu: 100_000 }).iface.mtu).toBe(65_535);
  });

  it('tells of changed state only when it changed', () => {
    const { iface, changes } = makeInterface();
    iface.update({ up: true, mtu: 1500 });
    expect(changes()).toBe(0);
    iface.update({ up: false, mtu: 9000 });
    expect(changes()).toBe(1);
    expect(iface).toMatchObject({ up: false, mtu: 9000 });
  });

  it('chooses the source whose network holds the target, else the first of the family', () => {
    const { iface } = makeInterface({ addresses: ['10.0.0.2/24', '10.1.0.2/24', 'fd00::2/64'] });
    expect(String(iface.sourceFor(address('10.1.0.9')))).toBe('10.1.0.2');
    expect(String(iface.sourceFor(address('8.8.8.8')))).toBe('10.0.0.2');
    expect(String(iface.sourceFor(address('2001:db8::1')))).toBe('fd00::2');
    expect(makeInterface().iface.sourceFor(address('8.8.8.8'))).toBeUndefined();
  });
});
