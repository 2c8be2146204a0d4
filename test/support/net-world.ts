import * as nodeDgram from 'node:dgram';
import * as nodeNet from 'node:net';
import { Stack, cable } from '../../src/index.ts';
import type { Interface } from '../../src/index.ts';
import { createDgram, createNet } from '../../src/node/index.ts';
import type { Dgram, Net } from '../../src/node/index.ts';
import { FAMILY, LOOPBACK, cidrAt, hostAt } from './family.ts';
import { lacksIpv6 } from './ipv6-kernel.ts';

/** Two ends that reach each other: behaviour suites run the same on the kernel's sockets and on a stack's. */
export interface NetWorld {
  /** Where the server is, as the client sees it. */
  readonly address: string;
  readonly clientAddress: string;
  readonly server: { net: Net; dgram: Dgram };
  readonly client: { net: Net; dgram: Dgram };
  /** Ends the world, and checks that nothing is left in it. */
  end(): Promise<void>;
}

/** The worlds, by name. */
export const netWorlds: readonly (readonly [name: string, make: () => Promise<NetWorld>])[] = [
  ...(FAMILY === 6 && lacksIpv6() !== undefined ? [] : [['node', kernelWorld] as const]),
  ['two stacks on a cable', cableWorld],
  ['one stack over lo', loopbackWorld],
];

async function kernelWorld(): Promise<NetWorld> {
  // The suites use what both have; a stack's module is the narrower one.
  const net: object = nodeNet;
  const dgram: object = nodeDgram;
  const both = { net: net as Net, dgram: dgram as Dgram };
  const address = LOOPBACK;
  return { address, clientAddress: address, server: both, client: both, end: () => Promise.resolve() };
}

async function cableWorld(): Promise<NetWorld> {
  const [a, b] = cable();
  const client = new Stack();
  const server = new Stack();
  const near = client.attach(a, { addresses: [cidrAt(1)] });
  const far = server.attach(b, { addresses: [cidrAt(2)] });
  await Promise.all([up(client, near), up(server, far)]);
  return {
    address: hostAt(2),
    clientAddress: hostAt(1),
    server: modulesOf(server),
    client: modulesOf(client),
    end: () => endAll(client, server),
  };
}

async function loopbackWorld(): Promise<NetWorld> {
  const stack = new Stack();
  const both = modulesOf(stack);
  const address = LOOPBACK;
  return { address, clientAddress: address, server: both, client: both, end: () => endAll(stack) };
}

/** A cable is up when both its ends are open: the end that was first learns of it later. */
function up(stack: Stack, { name }: Interface): Promise<void> {
  return new Promise((resolve) => {
    if (stack.interfaces.some((own) => own.name === name && own.up)) return resolve();
    const stop = stack.on('link', (event) => {
      if (event.interface.name !== name || !event.up) return;
      stop();
      resolve();
    });
  });
}

function modulesOf(stack: Stack): { net: Net; dgram: Dgram } {
  return { net: createNet(stack), dgram: createDgram(stack) };
}

/** Stacks end in order: every socket must have been closed by the test, and nothing may be left over. */
async function endAll(...stacks: Stack[]): Promise<void> {
  await Promise.all(stacks.map((stack) => stack.close()));
  for (const stack of stacks) stack.assertQuiescent();
}
