/**
 * The scene of the tests against the Linux kernel: a stack at 10.7.0.2 behind the TUN device tun0, the kernel at
 * 10.7.0.1 in front of it, in a namespace of their own. Each side may run test/interop/fixtures/server.mjs.
 *
 * @example
 * it('answers ping', () => withStack(async ({ ns }) => {
 *   expect((await ns.run('ping', ['-c', '1', STACK])).status).toBe(0);
 * }));
 */
import { expect } from 'vitest';
import type { Fixture, Namespace } from './namespace.ts';
import { withNamespace } from './namespace.ts';

export const STACK = '10.7.0.2';
export const KERNEL = '10.7.0.1';

/** Who plays in a test. */
export interface Scene {
  ns: Namespace;
  /** The program with the stack. */
  stack: Fixture;
  /** Starts the same program on the kernel's own sockets. */
  startKernel(): Promise<Fixture>;
}

/** What a test leaves behind on purpose. */
export interface Leftovers {
  /** Reasons of drops that the test provokes. */
  drops?: readonly string[];
  /** The test has closed the stack itself. */
  closed?: boolean;
}

/** A device that is up sends IPv6's router solicitations, which the stack does not speak yet. */
const CHATTER = ['ipv4-bad-version'];

/**
 * Runs a test between a stack and the kernel. Afterwards the stack must hold no connection (but in TIME-WAIT), no byte
 * and no timer and have dropped nothing without a reason that the test names; its program must end with exit code 0,
 * and with it the device.
 */
export async function withStack(play: (scene: Scene) => Promise<void>, leftovers: Leftovers = {}): Promise<void> {
  await withNamespace(async (ns) => {
    const stack = await start(ns, 'stack');
    const others: Fixture[] = [];
    const startKernel = async (): Promise<Fixture> => {
      const kernel = await start(ns, 'kernel');
      others.push(kernel);
      return kernel;
    };
    await play({ ns, stack, startKernel });
    for (const kernel of others) expect(await kernel.stop()).toBe(0);
    if (leftovers.closed !== true) expectRest(await stack.ask({ do: 'rest' }), leftovers.drops ?? []);
    expect([await stack.stop(), stack.stderr]).toEqual([0, '']);
    expect(await ns.ip('-brief', 'link')).not.toContain('tun0');
  });
}

async function start(ns: Namespace, side: 'stack' | 'kernel'): Promise<Fixture> {
  const fixture = await ns.start('server.mjs', [side]);
  expect(fixture.ready).toMatchObject({ event: 'ready' });
  return fixture;
}

function expectRest(found: Record<string, unknown>, drops: readonly string[]): void {
  expect(found).not.toHaveProperty('unrest');
  expect(found).toMatchObject({ tcp: { listeners: 0 }, udp: { sockets: 0 }, memory: { used: 0, refused: 0 } });
  const unexplained = Object.keys(found['drops'] ?? {}).filter((reason) => ![...CHATTER, ...drops].includes(reason));
  expect(unexplained).toEqual([]);
}
