import { Cidr } from '../../../../src/wire/cidr.ts';
import type { RouterAdvertisement } from '../../../../src/wire/ndp.ts';
import type { PrefixInformation } from '../../../../src/wire/ndp-options.ts';

/** In microseconds. */
export const SECOND = 1_000_000;

/** An advertisement that says nothing but what is given. */
export function advertisement(fields: Partial<RouterAdvertisement> = {}): RouterAdvertisement {
  return {
    name: 'routerAdvertisement',
    hopLimit: 0,
    managed: false,
    otherConfiguration: false,
    preference: 'medium',
    routerLifetime: 0,
    reachableTime: 0,
    retransTimer: 0,
    options: [],
    ...fields,
  };
}

/** A prefix that is on the link and for addresses, valid for a day and preferred for four hours. */
export function prefix(text: string, fields: Partial<PrefixInformation> = {}): PrefixInformation {
  const { network, prefixLength } = Cidr.parse(text);
  const lifetimes = { validLifetime: 86_400, preferredLifetime: 14_400 };
  return {
    name: 'prefixInformation',
    prefix: network,
    prefixLength,
    onLink: true,
    autonomous: true,
    ...lifetimes,
    ...fields,
  };
}
