import { once } from 'node:events';
import nodeNet from 'node:net';
import { cable } from '../src/link/cable.ts';
import { createNet } from '../src/node/net.ts';
import { Stack } from '../src/stack/stack.ts';
import { quick, rates } from './support/report.ts';

/**
 * What the sockets of `createNet` cost beside Node's own over the kernel's loopback: both ends in one process, on one
 * thread. The figures are medians; what matters is the ratio.
 */
type NodeNet = typeof nodeNet;

interface World {
  readonly near: NodeNet;
  readonly far: NodeNet;
  readonly address: string;
}

const NODE = 'node:net';
const stacks: Stack[] = [];
const worlds: Record<string, World> = {
  [NODE]: { near: nodeNet, far: nodeNet, address: '127.0.0.1' },
  'two stacks, a cable': onCable(),
  'one stack, lo': onLoopback(),
};

/** What is used here is the same in both. */
function netOf(stack: Stack): NodeNet {
  const net: unknown = createNet(stack);
  return net as NodeNet;
}

function onCable(): World {
  const [a, b] = cable();
  const [near, far] = [new Stack(), new Stack()];
  near.attach(a, { addresses: ['10.0.0.1/24'] });
  far.attach(b, { addresses: ['10.0.0.2/24'] });
  stacks.push(near, far);
  return { near: netOf(near), far: netOf(far), address: '10.0.0.2' };
}

function onLoopback(): World {
  const stack = new Stack();
  const net = netOf(stack);
  stacks.push(stack);
  return { near: net, far: net, address: '127.0.0.1' };
}

const servers: nodeNet.Server[] = [];

async function listen({ far, address }: World, options: nodeNet.ServerOpts, answer: (socket: nodeNet.Socket) => void) {
  const server = far.createServer(options, answer).listen(0, address);
  await once(server, 'listening');
  servers.push(server);
  return (server.address() as nodeNet.AddressInfo).port;
}

/** The near and the far end of a connection. */
async function pair(world: World): Promise<[nodeNet.Socket, nodeNet.Socket]> {
  let accepted: (socket: nodeNet.Socket) => void = () => {};
  const far = new Promise<nodeNet.Socket>((resolve) => {
    accepted = resolve;
  });
  const port = await listen(world, { noDelay: true }, (socket) => accepted(socket));
  const near = world.near.connect({ port, host: world.address, noDelay: true });
  await once(near, 'connect');
  return [near, await far];
}

/** So many bytes, in writes of `size`, until the reader has them. */
function transfer(size: number, bytes: number): Operation {
  return async (world) => {
    const [writer, reader] = await pair(world);
    const chunk = Buffer.alloc(size, 'x');
    let missing = 0;
    let done: () => void = () => {};
    reader.on('data', (data) => {
      missing -= data.length;
      if (missing === 0) done();
    });
    let left = 0;
    const push = (): void => {
      while (left > 0) {
        left -= size;
        if (!writer.write(chunk)) return;
      }
    };
    writer.on('drain', push);
    return () =>
      new Promise((resolve) => {
        missing = left = bytes;
        done = resolve;
        push();
      });
  };
}

/** So many times 64 bytes there and back. */
function pingPong(times: number): Operation {
  return async (world) => {
    const [near, far] = await pair(world);
    const ball = Buffer.alloc(64);
    far.on('data', (data) => far.write(data));
    let left = 0;
    let done: () => void = () => {};
    near.on('data', () => {
      if (--left > 0) near.write(ball);
      else done();
    });
    return () =>
      new Promise((resolve) => {
        left = times;
        done = resolve;
        near.write(ball);
      });
  };
}

/** So many connections at once that are opened and ended, until both ends have closed. */
function connectAndClose(count: number): Operation {
  return async (world) => {
    let open = 0;
    let done: () => void = () => {};
    const closed = (): void => {
      if (--open === 0) done();
    };
    const port = await listen(world, {}, (socket) => socket.once('close', closed).resume());
    const one = (): void => {
      const socket = world.near.connect(port, world.address, () => socket.end());
      socket.once('close', closed).resume();
    };
    return () =>
      new Promise((resolve) => {
        done = resolve;
        open = 2 * count;
        for (let i = 0; i < count; i++) one();
      });
  };
}

type Operation = (world: World) => Promise<() => Promise<void>>;

interface Measure {
  readonly name: string;
  readonly unit: string;
  /** Units in one operation. */
  readonly amount: number;
  readonly operation: Operation;
}

const scale = quick ? 1 : 4;
const measures: Measure[] = [
  ...[64, 1024, 16_384, 65_536].map((size): Measure => {
    const bytes = scale * (size === 64 ? 65_536 : size === 1024 ? 1_048_576 : 4_194_304);
    return { name: `writes of ${size} B`, unit: 'MB/s', amount: bytes / 1e6, operation: transfer(size, bytes) };
  }),
  { name: 'round trips of 64 B', unit: 'k/s', amount: 0.1, operation: pingPong(100) },
  { name: 'connect and close', unit: 'k/s', amount: 0.01, operation: repeated(10, connectAndClose(1)) },
  { name: 'connect and close, 32 at once', unit: 'k/s', amount: 0.032, operation: connectAndClose(32) },
];

/** Short operations are repeated, so that starting one is not what is measured. */
function repeated(times: number, operation: Operation): Operation {
  return async (world) => {
    const single = await operation(world);
    return async () => {
      for (let i = 0; i < times; i++) await single();
    };
  };
}

const rows: Record<string, string>[] = [];
for (const { name, unit, amount, operation } of measures) {
  const prepared = Object.entries(worlds).map(([label, world]) => [label, () => operation(world)] as const);
  const medians = await rates(name, Object.fromEntries(prepared));
  const row: Record<string, string> = { case: name, unit };
  for (const [label, rate] of Object.entries(medians)) {
    row[label] = (rate * amount).toPrecision(3);
    if (label !== NODE) row[`${label}, of node`] = (rate / medians[NODE]!).toFixed(2);
  }
  rows.push(row);
}
console.table(rows);
for (const stack of stacks) await stack.destroy();
// Node's own sockets are still open.
process.exit(0);
