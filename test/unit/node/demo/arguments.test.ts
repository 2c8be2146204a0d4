import { describe, expect, it } from 'vitest';
import { readArguments, usage } from '../../../../src/node/demo/arguments.ts';

const read = (line: string): unknown => readArguments(line.split(' ').filter((word) => word !== ''));

describe('the demo’s command line', () => {
  it('asks for the demo in memory, for help or for TUN', () => {
    expect(read('')).toEqual({ run: 'memory' });
    expect(read('--help')).toEqual({ run: 'help' });
    expect(read('-h --tun')).toEqual({ run: 'help' });
    const defaults = { address: '10.7.0.2/24', kernelAddress: '10.7.0.1/24', name: undefined, mtu: undefined };
    expect(read('--tun')).toEqual({ run: 'tun', options: defaults });
    expect(read('--tun --address 10.9.1.2/16 --kernel-address 10.9.0.1/16 --name tun7 --mtu 9000')).toEqual({
      run: 'tun',
      options: { address: '10.9.1.2/16', kernelAddress: '10.9.0.1/16', name: 'tun7', mtu: 9000 },
    });
  });

  it.each([
    ['--tap', "Unknown option '--tap'"],
    ['tun', "Unexpected argument 'tun'"],
    ['--mtu 1500', '--mtu is for --tun'],
    ['--tun --mtu 1.5', "--mtu takes a number of bytes, not '1.5'"],
    ['--tun --name', "Option '--name <value>' argument missing"],
    ['--tun --address fd00::2/64', 'addresses are IPv4: there is no IPv6 yet'],
    ['--tun --kernel-address fd00::1/64', 'addresses are IPv4: there is no IPv6 yet'],
    ['--tun --address 10.7.0.1/24', 'the stack and the kernel cannot both be 10.7.0.1'],
    ['--tun --address 10.8.0.2/24', "--address 10.8.0.2 is not in the kernel's network 10.7.0.1/24"],
  ])('refuses %s', (line, message) => {
    expect(() => read(line)).toThrow(`${message}\n\n${usage}`);
  });

  it('refuses what is no address', () => {
    expect(() => read('--tun --address 10.7.0.2')).toThrow(/append the prefix length/);
    expect(() => read('--tun --kernel-address 10.7.0.256/24')).toThrow(/'10.7.0.256\/24'/);
  });
});
