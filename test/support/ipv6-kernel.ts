import dgram from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';

/** Why the kernel's loopback interface can't take part in tests of IPv6; undefined when it can. With `CI=true` it must. */
export function lacksIpv6(): string | undefined {
  if (networkInterfaces()['lo']?.some(({ address }) => address === '::1')) return undefined;
  return told("the kernel's lo has no ::1", true);
}

/**
 * Why the kernel carries no IPv6 groups over `lo`; undefined when it does. Linux has no way there by itself:
 * `ip -6 route add local ff00::/8 dev lo table local` makes one, best in a namespace (`unshare -n`).
 */
export async function lacksGroups(): Promise<string | undefined> {
  if (lacksIpv6() !== undefined) return 'there is no IPv6';
  const socket = dgram.createSocket('udp6').bind(0);
  try {
    await once(socket, 'listening');
    socket.setMulticastInterface('::%lo');
    const error = await new Promise<Error | null>((resolve) => {
      socket.send('x', 9, 'ff02::114', resolve);
    });
    return error === null ? undefined : told("the kernel's lo has no route to ff00::/8", false);
  } finally {
    socket.close();
  }
}

function told(reason: string, expected: boolean): string {
  if (expected && process.env['CI'] === 'true') throw new Error(`tests of IPv6 can't run on Node's modules: ${reason}`);
  process.stderr.write(`tests of IPv6 on Node's modules skipped: ${reason}\n`);
  return reason;
}
