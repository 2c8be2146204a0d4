import type { RouterAdvertisement } from '../../wire/ndp.ts';
import { IPV6_MINIMUM_MTU } from '../../wire/ipv6.ts';

/** RFC 4861 §6.2.1: AdvReachableTime is an hour at most. */
const LONGEST_REACHABLE = 3_600_000;
/** No more than so many questions a second, as Linux; and so slow that nothing is ever found out is a mistake or an attack. */
const SHORTEST_RETRANS = 100;
const LONGEST_RETRANS = 60_000;

/** What routers say of the link as a whole ([S-049] RFC 4861 §6.3.4). Undefined while none has said anything. */
export class RouterParameters {
  /** Hop limit of packets that leave it to the host. */
  hopLimit: number | undefined;
  /** Milliseconds for which a neighbour counts as reachable. */
  reachableTime: number | undefined;
  /** Milliseconds between questions. */
  retransTimer: number | undefined;
  /** Largest IPv6 packet in bytes, where that is less than what the link takes. */
  mtu: number | undefined;

  /**
   * @param linkMtu what the link takes, in bytes
   * @returns names of what was left out since it makes no sense, to be counted
   */
  update(advertisement: RouterAdvertisement, linkMtu: number): string[] {
    const { hopLimit, reachableTime, retransTimer, options } = advertisement;
    const ignored: string[] = [];
    // RFC 4861 §6.3.4: 0 says nothing, and does not take back what was said before.
    if (hopLimit !== 0) this.hopLimit = hopLimit;
    if (reachableTime > LONGEST_REACHABLE) ignored.push('ndp-reachable-time-ignored');
    else if (reachableTime !== 0) this.reachableTime = reachableTime;
    if (retransTimer > LONGEST_RETRANS) ignored.push('ndp-retrans-timer-ignored');
    else if (retransTimer !== 0) this.retransTimer = Math.max(retransTimer, SHORTEST_RETRANS);
    for (const option of options) {
      if (option.name !== 'mtu') continue;
      // RFC 4861 §6.3.4: at least what IPv6 needs, at most what the link takes.
      if (option.mtu < IPV6_MINIMUM_MTU || option.mtu > linkMtu) ignored.push('ndp-mtu-ignored');
      else this.mtu = option.mtu;
    }
    return ignored;
  }
}
