import { parseArgs } from 'node:util';
import { usageError } from '../../errors.ts';
import type { Address } from '../../wire/address.ts';
import { isLimitedBroadcast, isLoopback, isMulticast, isUnspecified, needsZone } from '../../wire/address.ts';
import { Cidr } from '../../wire/cidr.ts';
import { checkTunOptions } from '../tun-options.ts';

/** How the stack meets the kernel. */
export interface TunDemoOptions {
  /** The stack's address, with prefix length. */
  address: string;
  /** The kernel's. */
  kernelAddress: string;
  /** The device's name; the kernel chooses without one. */
  name: string | undefined;
  /** Bytes; the device's own without one. */
  mtu: number | undefined;
}

/** What the command line asks for. */
export type Wish = { run: 'memory' | 'help' } | { run: 'tun'; options: TunDemoOptions };

export const usage = `npm start                 a web page over two stacks in this process; needs nothing
npm start -- --tun        a web server that the Linux kernel can reach; needs root

  --address CIDR          the stack's address, IPv4 or IPv6 (10.7.0.2/24)
  --kernel-address CIDR   the kernel's at the other end, in the same network (10.7.0.1/24)
  --name NAME             the device's name (the first free of tun0, tun1, …)
  --mtu BYTES             its largest packet (1500)
  --help                  this text`;

/**
 * Reads the command line.
 *
 * @throws an error with a code for flags that don't exist or don't fit
 */
export function readArguments(args: string[]): Wish {
  const { tun = false, help = false, ...rest } = parse(args);
  if (help) return { run: 'help' };
  const [flag] = Object.keys(rest);
  if (!tun && flag !== undefined) throw wrong(`--${flag} is for --tun`);
  if (!tun) return { run: 'memory' };
  const { address = '10.7.0.2/24', 'kernel-address': kernelAddress = '10.7.0.1/24', name, mtu } = rest;
  if (mtu !== undefined && !/^\d+$/.test(mtu)) throw wrong(`--mtu takes a number of bytes, not '${mtu}'`);
  checkAddresses(address, kernelAddress);
  const options = { address, kernelAddress, name, mtu: mtu === undefined ? undefined : Number(mtu) };
  checkDevice(options);
  return { run: 'tun', options };
}

/** What `openTun` would refuse, in the words of the command line. */
function checkDevice({ name, mtu }: TunDemoOptions): void {
  try {
    checkTunOptions({ ...(name !== undefined && { name }), ...(mtu !== undefined && { mtu }) });
  } catch (error) {
    throw wrong((error as Error).message.replace('options.', '--'));
  }
}

/** The two ends of the wire must reach each other without a router. */
function checkAddresses(address: string, kernelAddress: string): void {
  const { address: own } = Cidr.parse(address);
  const kernel = Cidr.parse(kernelAddress);
  checkHost('--address', own);
  checkHost('--kernel-address', kernel.address);
  if (kernel.address.equals(own)) throw wrong(`the stack and the kernel cannot both be ${own}`);
  if (!kernel.contains(own)) throw wrong(`--address ${own} is not in the kernel's network ${kernelAddress}`);
}

/** Only an address of one host can stand at an end of the wire. */
function checkHost(flag: string, address: Address): void {
  const kinds = [
    { is: isLoopback, called: 'a loopback address' },
    { is: isMulticast, called: 'a multicast address' },
    { is: isLimitedBroadcast, called: 'the broadcast address' },
    { is: isUnspecified, called: 'no address' },
    { is: needsZone, called: 'a link-local address' },
  ];
  const kind = kinds.find(({ is }) => is(address));
  if (kind !== undefined) throw wrong(`${flag} must be one host's: ${address} is ${kind.called}`);
}

function parse(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        tun: { type: 'boolean' },
        address: { type: 'string' },
        'kernel-address': { type: 'string' },
        name: { type: 'string' },
        mtu: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    // Node adds advice for arguments that begin with a dash: there are none here.
    throw wrong(error instanceof Error ? error.message.split('. ', 1)[0]! : String(error));
  }
}

function wrong(what: string): Error {
  return usageError('ERR_INVALID_ARG_VALUE', `${what}\n\n${usage}`);
}
