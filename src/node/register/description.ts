import { requireOptions, requireType } from '../../errors.ts';
import { Stack } from '../../stack/stack.ts';
import type { ConnectionOptions } from '../../tcp/options.ts';
import { invalidArgType, invalidArgValue } from '../net-errors.ts';
import { openTun } from '../tun.ts';
import type { TunOptions } from '../tun.ts';

/** A stack in a few words, such as fit into an environment variable. */
export interface StackDescription {
  /** A TUN device to attach, as `openTun` makes it. Without one there is `lo` only. */
  tun?: TunOptions | undefined;
  /** The stack's addresses on it: `['10.7.0.2/24']`. */
  addresses?: readonly string[] | undefined;
  /** Networks behind it, with the gateway to each: `{ '0.0.0.0/0': '10.7.0.1' }`. */
  routes?: Readonly<Record<string, string>> | undefined;
  /** Options of all TCP connections, as of `new Stack`. */
  tcp?: ConnectionOptions | undefined;
}

/** The names of what a description may say. */
export const DESCRIPTION: readonly string[] = Object.keys({
  tun: true,
  addresses: true,
  routes: true,
  tcp: true,
} satisfies Record<keyof StackDescription, true>);

/**
 * Makes a stack of its description.
 *
 * Rejects with what `openTun`, `stack.attach` and `stack.routes.add` complain of.
 *
 * @example
 * const stack = await openStack({ tun: { name: 'tun0', kernelAddresses: ['10.7.0.1/24'] }, addresses: ['10.7.0.2/24'] });
 */
export async function openStack(description: StackDescription = {}): Promise<Stack> {
  requireOptions('openStack', description, DESCRIPTION);
  const { tun, addresses = [], routes = {}, tcp } = description;
  if (!Array.isArray(addresses)) throw invalidArgType('addresses', 'an array of strings', addresses);
  if (typeof routes !== 'object' || routes === null || Array.isArray(routes)) {
    throw invalidArgType('routes', 'an object of networks and gateways', routes);
  }
  for (const [network, gateway] of Object.entries(routes)) requireType(`routes['${network}']`, gateway, 'string');
  if (tun === undefined && addresses.length > 0) {
    throw invalidArgValue('addresses', addresses, 'must be left out where there is no tun to have them');
  }
  const stack = new Stack(tcp === undefined ? {} : { tcp });
  try {
    if (tun !== undefined) await stack.attach(await openTun(tun), { addresses }).ready;
    for (const [network, via] of Object.entries(routes)) stack.routes.add(network, { via });
  } catch (error) {
    await stack.destroy();
    throw error;
  }
  return stack;
}
