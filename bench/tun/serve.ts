/**
 * Serves the jobs of the benchmark over TUN, as any program would: 'data', `write` and `end` of sockets, options as they
 * are by default. With `stack` the sockets are ours, at 10.7.0.2 or fd07::2 on a TUN or TAP device; with `node` they are
 * Node's own over the kernel's loopback. Runs in a namespace, until its input ends.
 *
 * With a number of workers, each has a queue of the device and a stack.
 *
 *     node serve.js stack|node ADDRESS [auto|false] [tun|tap] [WORKERS]
 */
import nodeDgram from 'node:dgram';
import type { Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import nodeNet from 'node:net';
import type { Socket } from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Stack } from 'usernet';
import { createDgram, createNet } from 'usernet/node';
import { openTun } from 'usernet/tun';
import type { DeviceQueue } from 'usernet/tun';

/** RFC 862, 863, 864. */
const ECHO = 7;
const DISCARD = 9;
const CHARGEN = 19;
const CHUNK = 64 * 1024;

interface World {
  readonly net: typeof nodeNet;
  readonly dgram: typeof nodeDgram;
  readonly address: string;
}

async function onDevice(offload: 'auto' | false, mode: 'tun' | 'tap', address: string): Promise<World> {
  const stack = new Stack();
  const multiQueue = isMainThread ? {} : { multiQueue: workerData as DeviceQueue };
  const kernelAddresses = ['10.7.0.1/24', 'fd07::1/64'];
  const link = await openTun({ name: 'tun0', mode, kernelAddresses, offload, ...multiQueue });
  await stack.attach(link, { addresses: ['10.7.0.2/24', 'fd07::2/64'] }).ready;
  // What is used here is the same in both.
  const net: unknown = createNet(stack);
  const dgram: unknown = createDgram(stack);
  return { net: net as typeof nodeNet, dgram: dgram as typeof nodeDgram, address };
}

/** Writes as long as the socket takes it. */
function generate(socket: Socket): void {
  const chunk = Buffer.alloc(CHUNK, 'x');
  const push = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', push).resume();
  push();
}

/** The driver's connections in TIME-WAIT hold what ports there are to one of these. */
const ECHO_PORTS = Array.from({ length: 8 }, (_, i) => ECHO + 1000 * i);

function answer(socket: Socket): void {
  socket.on('data', (data) => socket.write(data));
}

const SERVICES: readonly [port: number, serve: (socket: Socket) => void][] = [
  ...ECHO_PORTS.map((port): [number, typeof answer] => [port, answer]),
  [DISCARD, (socket) => socket.on('data', () => {})],
  [CHARGEN, generate],
];

async function serveTcp({ net, address }: World): Promise<void> {
  for (const [port, serve] of SERVICES) {
    const server = net.createServer((socket) => {
      // The client hangs up while there is more.
      socket.on('error', () => {});
      serve(socket);
    });
    await once(server.listen(port, address, 4096), 'listening');
  }
}

async function bind({ dgram, address }: World, port: number): Promise<DatagramSocket> {
  const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(port, address);
  await once(socket, 'listening');
  return socket;
}

async function serveUdp(world: World): Promise<void> {
  const echo = await bind(world, ECHO);
  echo.on('message', (message, { port, address }) => echo.send(message, port, address));
  const chargen = await bind(world, CHARGEN);
  const bytes = Buffer.alloc(CHUNK, 'x');
  // The request says how many datagrams, and of how many bytes each.
  chargen.on('message', (request, { port, address }) => {
    const datagram = bytes.subarray(0, request.readUInt32BE(4));
    for (let left = request.readUInt32BE(0); left > 0; left--) chargen.send(datagram, port, address);
  });
}

async function serveAll([where, address = '10.7.0.2', offload, mode]: readonly string[]): Promise<void> {
  const world: World =
    where === 'node'
      ? { net: nodeNet, dgram: nodeDgram, address }
      : await onDevice(offload === 'false' ? false : 'auto', mode === 'tap' ? 'tap' : 'tun', address);
  await serveTcp(world);
  await serveUdp(world);
}

/** The device is ready with the last of its queues. */
async function serveInWorkers(of: number, argv: readonly string[]): Promise<void> {
  const workers = Array.from(
    { length: of },
    (_, index) =>
      new Worker(new URL(import.meta.url), { workerData: { index, of } satisfies DeviceQueue, argv: [...argv] }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'message')));
}

const args = process.argv.slice(2);
const workers = args[4];
if (isMainThread && workers !== undefined) await serveInWorkers(Number(workers), args);
else await serveAll(args);
if (isMainThread) {
  // Nobody waits longer than that for a run.
  setTimeout(() => process.exit(1), 120_000).unref();
  process.stdin.on('end', () => process.exit()).resume();
  process.stdout.write('{"event":"ready"}\n');
} else {
  parentPort!.postMessage('ready', []);
}
