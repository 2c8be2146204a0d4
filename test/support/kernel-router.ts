/**
 * The scene with a hop in the middle: the kernel in front of the stack is a router, and behind it is another kernel, in
 * a namespace of its own, at 10.8.0.2 and fd08::2. Both links carry 1500 bytes; the router is told to pass on less.
 */
import { expect } from 'vitest';
import { CAPTURE_MARK } from './kernel-capture.ts';
import type { Scene, SceneOptions } from './kernel.ts';
import { KERNEL, KERNEL6, setSysctl, startSide, withStack } from './kernel.ts';
import type { Fixture, Namespace } from './namespace.ts';
import { withNamespace } from './namespace.ts';

export const FAR = '10.8.0.2';
const NEAR = '10.8.0.1';
export const FAR6 = 'fd08::2';
const NEAR6 = 'fd08::1';

/** Who plays in a test: `ns` is the router's. */
export interface RoutedScene extends Scene {
  far: Namespace;
  /** Starts the program on the far kernel's sockets. */
  startFar(): Promise<Fixture>;
}

/** What is special about the router. */
export interface RouterOptions extends SceneOptions {
  /** The largest packet that is passed on, by direction. */
  largest: { toFar: number; toStack: number };
  /** It does not say what it drops. */
  silent?: boolean;
  /** Values of `net.ipv4.…` in the far namespace. */
  farSysctl?: Readonly<Record<string, string | number>>;
}

/** Runs a test between a stack and a kernel behind a router. */
export async function withRouter(play: (scene: RoutedScene) => Promise<void>, options: RouterOptions): Promise<void> {
  const { largest, silent = false, farSysctl = {}, ...rest } = options;
  // No wait for duplicate addresses, link-local ones included: a SYN would be lost meanwhile.
  const noDad = { 'ipv6.conf.default.accept_dad': 0 };
  const sysctl = { ...rest.sysctl, ...noDad, ip_forward: 1, 'ipv6.conf.all.forwarding': 1 };
  // The router's processors may let one ACK overtake another by more than the round trip, which is next to nothing here.
  const drops = [...(rest.drops ?? []), 'tcp-paws'];
  const scene = { ...rest, drops, routes: { '10.8.0.0/24': KERNEL, 'fd08::/64': KERNEL6 }, sysctl };
  await withNamespace(async (far) => {
    await setSysctl(far, noDad);
    await withStack(async ({ ns, stack, startKernel }) => {
      await ns.ip('link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far', 'netns', far.name);
      await ns.ip('address', 'add', `${NEAR}/24`, 'dev', 'near');
      await ns.ip('address', 'add', `${NEAR6}/64`, 'dev', 'near', 'nodad');
      await ns.ip('link', 'set', 'near', 'up');
      await far.ip('address', 'add', `${FAR}/24`, 'dev', 'far');
      await far.ip('address', 'add', `${FAR6}/64`, 'dev', 'far', 'nodad');
      await far.ip('link', 'set', 'far', 'up');
      await far.ip('route', 'add', '10.7.0.0/24', 'via', NEAR);
      await far.ip('-6', 'route', 'add', 'fd07::/64', 'via', NEAR6);
      await ns.ip('route', 'replace', '10.8.0.0/24', 'dev', 'near', 'src', NEAR, 'mtu', String(largest.toFar));
      await ns.ip('route', 'replace', '10.7.0.0/24', 'dev', 'tun0', 'src', KERNEL, 'mtu', String(largest.toStack));
      // A router heeds a route's MTU for IPv6 when it is locked; the metric brings it before the kernel's own.
      for (const [network, device, mtu] of [
        ['fd08::/64', 'near', largest.toFar],
        ['fd07::/64', 'tun0', largest.toStack],
      ] as const) {
        await ns.ip('-6', 'route', 'add', network, 'dev', device, 'metric', '1', 'mtu', 'lock', String(mtu));
      }
      // Its own ICMP messages find no way, but the end of a capture.
      if (silent) {
        await ns.ip('rule', 'add', 'ipproto', 'icmp', 'blackhole', 'pref', '101');
        await ns.ip('rule', 'add', 'fwmark', String(CAPTURE_MARK), 'lookup', 'main', 'pref', '100');
      }
      await setSysctl(far, farSysctl);
      let program: Fixture | undefined;
      const startFar = async (): Promise<Fixture> => (program = await startSide(far, 'kernel'));
      await play({ ns, stack, startKernel, far, startFar });
      if (program !== undefined) expect([await program.stop(), program.stderr]).toEqual([0, '']);
    }, scene);
  });
}
