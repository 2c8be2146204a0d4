import { describe, expect, it } from 'vitest';
import {
  BROADCAST_MAC,
  isGroupMac,
  isStationMac,
  MacAddress,
  MacRegister,
  NO_MAC,
  sameMac,
  writeMac,
} from '../../../src/wire/mac.ts';

describe('MacAddress', () => {
  it.each([
    ['02:00:00:00:00:0a', '02:00:00:00:00:0a'],
    ['FF-FF-FF-FF-FF-FF', 'ff:ff:ff:ff:ff:ff'],
    ['00:00:00:00:00:00', '00:00:00:00:00:00'],
    ['80:81:82:F3:f4:05', '80:81:82:f3:f4:05'],
  ])('reads %s', (text, written) => {
    const mac = MacAddress.parse(text);
    expect(mac.toString()).toBe(written);
    expect(MacAddress.fromBytes(mac.bytes()).equals(mac)).toBe(true);
  });

  it.each(['', '02:00:00:00:00', '02:00:00:00:00:0a:0b', '02:00:00-00:00:00', '2:0:0:0:0:a', '0200.0000.000a', 'zz'])(
    'refuses %j',
    (text) => {
      expect(() => MacAddress.parse(text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    },
  );

  it('refuses what is no text, and bytes of another length', () => {
    expect(() => MacAddress.parse(5 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    const bytes = new Uint8Array(8);
    expect(() => MacAddress.fromBytes(bytes)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  });

  it('has its bytes in network order', () => {
    expect([...MacAddress.parse('80:01:f2:03:04:05').bytes()]).toEqual([0x80, 1, 0xf2, 3, 4, 5]);
  });
});

describe('MacRegister', () => {
  it('is read from bytes, copied and compared', () => {
    const view = new DataView(new ArrayBuffer(10));
    writeMac(view, 3, MacAddress.parse('82:ff:fe:fd:fc:fb'));
    const register = new MacRegister();
    register.read(view, 3);
    expect(register.toString()).toBe('82:ff:fe:fd:fc:fb');
    const other = new MacRegister();
    expect(sameMac(register, other)).toBe(false);
    other.set(register);
    expect(sameMac(register, other)).toBe(true);
    expect(MacAddress.fromWords(other)).not.toBe(other);
  });

  it('tells groups and nobody from stations', () => {
    const macs = [BROADCAST_MAC, NO_MAC, MacAddress.parse('01:00:5e:00:00:01'), MacAddress.parse('02:00:00:00:00:01')];
    expect(macs.map(isGroupMac)).toEqual([true, false, true, false]);
    expect(macs.map(isStationMac)).toEqual([false, false, false, true]);
  });
});
