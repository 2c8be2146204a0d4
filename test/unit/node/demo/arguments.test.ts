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

  it('takes addresses of IPv6', () => {
    expect(read('--tun --address fd00::2/64 --kernel-address fd00::1/64')).toMatchObject({
      options: { address: 'fd00::2/64', kernelAddress: 'fd00::1/64' },
    });
  });

  it.each([
    ['--tap', "Unknown option '--tap'"],
    ['tun', "Unexpected argument 'tun'"],
    ['--mtu 1500', '--mtu is for --tun'],
    ['--tun --mtu 1.5', "--mtu takes a number of bytes, not '1.5'"],
    ['--tun --name', "Option '--name <value>' argument missing"],
    ['--tun --address fd00::2/64', "--address fd00::2 is not in the kernel's network 10.7.0.1/24"],
    ['--tun --kernel-address fd00::1/64', "--address 10.7.0.2 is not in the kernel's network fd00::1/64"],
    ['--tun --address ::1/128', "--address must be one host's: ::1 is a loopback address"],
    ['--tun --address fe80::2/64', "--address must be one host's: fe80::2 is a link-local address"],
    ['--tun --mtu 67', '--mtu must be an integer from 68 to 65535, not 67'],
    ['--tun --name a/b', "--name must be a device name of 1 to 15 bytes without '/', ':', '%' and space, not \"a/b\""],
    ['--tun --address 127.0.0.2/8', "--address must be one host's: 127.0.0.2 is a loopback address"],
    ['--tun --kernel-address 127.1.0.1/8', "--kernel-address must be one host's: 127.1.0.1 is a loopback address"],
    ['--tun --address 224.0.0.1/4', "--address must be one host's: 224.0.0.1 is a multicast address"],
    ['--tun --kernel-address 239.1.2.3/24', "--kernel-address must be one host's: 239.1.2.3 is a multicast address"],
    ['--tun --address 0.0.0.0/0', "--address must be one host's: 0.0.0.0 is no address"],
    ['--tun --address 255.255.255.255/0', "--address must be one host's: 255.255.255.255 is the broadcast address"],
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
