/**
 * The scene where the stack is the router: two kernels in namespaces of their own, `client` at 10.1.0.2 and fd01::2, `server`
 * at 10.2.0.2 and fd02::2, and between them a third that hands all that comes from one to the stack by tun0 and takes what
 * is for the other from tun1.
 */
import { expect } from 'vitest';
import type { FixtureEvent, Fixture, Namespace } from './namespace.ts';
import { withNamespace } from './namespace.ts';
import { setSysctl, startSide } from './kernel.ts';

export const SERVER = '10.2.0.2';
export const SERVER6 = 'fd02::2';

/** Who plays in a test. */
export interface StackRouterScene {
  client: Namespace;
  server: Namespace;
  /** The kernel between both and the stack. */
  middle: Namespace;
  /** The program with the stack. */
  router: Fixture;
  /** Starts the program of test/interop/fixtures/server.mjs on the server's kernel. */
  startServer(): Promise<Fixture>;
  /** The same on the client's. */
  startClient(): Promise<Fixture>;
}

/** Reasons of drops that any test may see: the kernel asks for routers on the devices. */
const CHATTER = ['icmpv6-neighbor-ignored', 'mld-report-ignored', 'mld-bad-source', 'ipv6-martian-source'];

/** One side: its namespace, the network's number, and the device of the stack that leads there. */
const SIDES = [
  { veth: 'c', net: 1, tun: 'tun0', gateway: 7, table: 100 },
  { veth: 's', net: 2, tun: 'tun1', gateway: 9, table: 101 },
] as const;

/**
 * @param options.mtu of the way to the client and of that to the server, in bytes
 * @param options.mode of the devices
 * @param options.offload of the device to the client and of that to the server
 */
export async function withStackRouter(
  play: (scene: StackRouterScene) => Promise<void>,
  options: {
    mtu?: readonly [number, number];
    mode?: 'tun' | 'tap';
    offload?: readonly ['auto' | false, 'auto' | false];
    drops?: readonly string[];
  } = {},
): Promise<void> {
  const { drops = [], mtu, mode, offload } = options;
  await withNamespace((client) =>
    withNamespace((server) =>
      withNamespace(async (middle) => {
        const noDad = { 'ipv6.conf.default.accept_dad': 0 };
        // The source of what comes back by tun0 is behind another device, by the routes of who looks.
        const sysctl = { ...noDad, 'conf.all.rp_filter': 0, 'conf.default.rp_filter': 0 };
        await setSysctl(middle, { ...sysctl, ip_forward: 1, 'ipv6.conf.all.forwarding': 1 });
        const routes = {
          '10.1.0.0/24': '10.7.0.1',
          'fd01::/64': 'fd07::1',
          '10.2.0.0/24': '10.9.0.1',
          'fd02::/64': 'fd09::1',
        };
        const router = await middle.start('router.mjs', [JSON.stringify({ routes, mtu, mode, offload })]);
        expect(router.ready).toEqual({ event: 'ready' });
        for (const [i, far] of [client, server].entries()) {
          await setSysctl(far, noDad);
          await join(middle, far, SIDES[i]!);
        }
        const programs: Fixture[] = [];
        const start = async (where: Namespace): Promise<Fixture> => {
          const program = await startSide(where, 'kernel');
          programs.push(program);
          return program;
        };
        await play({
          client,
          server,
          middle,
          router,
          startServer: () => start(server),
          startClient: () => start(client),
        });
        for (const program of programs) expect([await program.stop(), program.stderr]).toEqual([0, '']);
        expectNoDrops(await router.ask({ do: 'statistics' }), drops);
        expect([await router.stop(), router.stderr]).toEqual([0, '']);
      }),
    ),
  );
}

async function join(middle: Namespace, far: Namespace, side: (typeof SIDES)[number]): Promise<void> {
  const { veth, net, tun, gateway, table } = side;
  await middle.ip('link', 'add', veth, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', far.name);
  await middle.ip('address', 'add', `10.${net}.0.1/24`, 'dev', veth);
  await middle.ip('address', 'add', `fd0${net}::1/64`, 'dev', veth, 'nodad');
  await middle.ip('link', 'set', veth, 'up');
  await far.ip('address', 'add', `10.${net}.0.2/24`, 'dev', 'eth0');
  await far.ip('address', 'add', `fd0${net}::2/64`, 'dev', 'eth0', 'nodad');
  await far.ip('link', 'set', 'eth0', 'up');
  await far.ip('route', 'add', 'default', 'via', `10.${net}.0.1`);
  await far.ip('-6', 'route', 'add', 'default', 'via', `fd0${net}::1`);
  // What comes from there goes to the stack; what the stack hands back goes by the routes as ever.
  await middle.ip('rule', 'add', 'iif', veth, 'lookup', String(table));
  await middle.ip('-6', 'rule', 'add', 'iif', veth, 'lookup', String(table));
  await middle.ip('route', 'add', 'default', 'via', `10.${gateway}.0.2`, 'dev', tun, 'table', String(table));
  await middle.ip('-6', 'route', 'add', 'default', 'via', `fd0${gateway}::2`, 'dev', tun, 'table', String(table));
}

function expectNoDrops(found: FixtureEvent, drops: readonly string[]): void {
  const unexplained = Object.entries(found['drops'] as Record<string, number>).filter(
    ([reason]) => !CHATTER.includes(reason) && !drops.includes(reason),
  );
  expect(unexplained).toEqual([]);
}
