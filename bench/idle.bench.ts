import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';
import { cable } from '../src/link/cable.ts';
import { impair } from '../src/link/impair.ts';
import type { ImpairedLink } from '../src/link/impair.ts';
import { createNet } from '../src/node/net.ts';
import type { Socket } from '../src/node/socket.ts';
import { Stack } from '../src/stack/stack.ts';
import type { Connection } from '../src/tcp/connection.ts';
import { VirtualClock } from '../src/time/virtual-clock.ts';
import { quick } from './support/report.ts';

/**
 * What an open connection costs that carries nothing, in bytes of heap and of memory beside it: with the core API, and as
 * a socket of `createNet`; options as they are by default. To see what each end costs by itself the others are taken
 * away, unnoticed: the line is cut.
 */
const RUNS = quick ? 1 : 3;
/** Opened before anything is counted, and left: pools are filled, code is compiled. */
const WARM = 100;
const PORT = 9;

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;

/** Bytes in use; those of ArrayBuffers are in `external`. */
function memory(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

interface Ends<Connected> {
  client: Connected[];
  server: Connected[];
}

/** Two stacks and what they have opened to each other. */
abstract class World<Connected> {
  readonly ends: Ends<Connected> = { client: [], server: [] };
  readonly client: Stack;
  readonly server: Stack;
  readonly #line: ImpairedLink;

  constructor(client: Stack, server: Stack) {
    this.client = client;
    this.server = server;
    const [a, b] = cable({ mtu: 1500 });
    this.#line = impair(b);
    client.attach(a, { addresses: ['10.0.0.1/24'] });
    server.attach(this.#line, { addresses: ['10.0.0.2/24'] });
  }

  /** Opens so many (of hundreds), each of which carries so many bytes either way; then all is idle. */
  abstract open(connections: number, bytes: number): Promise<void>;
  abstract settle(): Promise<void>;
  abstract abort(connected: Connected): void;

  /** Those of one end are gone, and the others do not know. */
  async lose(end: keyof Ends<Connected>): Promise<void> {
    this.#line.set({ loss: 1 });
    for (const connected of this.ends[end].splice(WARM)) this.abort(connected);
    await this.settle();
  }

  destroy(): void {
    void this.client.destroy();
    void this.server.destroy();
  }
}

class CoreWorld extends World<Connection> {
  readonly #clock: VirtualClock;
  #received: number = 0;

  constructor(clock: VirtualClock = new VirtualClock()) {
    super(new Stack({ clock }), new Stack({ clock }));
    this.#clock = clock;
    const handler = { onReadable: (c: Connection): void => each(c, (chunk) => void c.write(chunk)) };
    this.server.tcp.listen({ port: PORT }, (connection) => {
      connection.handler = handler;
      this.ends.server.push(connection);
    });
  }

  async open(connections: number, bytes: number): Promise<void> {
    const count = { onReadable: (c: Connection): void => each(c, ({ length }) => void (this.#received += length)) };
    for (let i = 0; i < connections; i++) {
      this.ends.client.push(this.client.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: PORT }, count));
      if (i % WARM === WARM - 1) this.#clock.advance(100_000);
    }
    for (const connection of bytes > 0 ? this.ends.client.slice(-connections) : []) this.#carry(connection, bytes);
    await this.settle();
  }

  /** All close, the clients first: these are in TIME-WAIT then. */
  async close(): Promise<void> {
    for (const end of [this.ends.client, this.ends.server]) {
      for (const connection of end.splice(WARM)) connection.close();
      this.#clock.advance(100_000);
    }
  }

  override async settle(): Promise<void> {
    this.#clock.advance(5_000_000);
  }

  override abort(connection: Connection): void {
    connection.abort();
  }

  #carry(connection: Connection, bytes: number): void {
    const chunk = new Uint8Array(Math.min(bytes, 65_536));
    const end = this.#received + bytes;
    for (let left = bytes; this.#received < end; this.#clock.advance(1000)) {
      if (left > 0) left -= connection.write(chunk.subarray(0, Math.min(left, chunk.length)));
    }
  }
}

function each(connection: Connection, take: (chunk: Uint8Array) => void): void {
  for (let chunk = connection.read(); chunk !== undefined; chunk = connection.read()) take(chunk);
}

class NetWorld extends World<Socket> {
  readonly #net: ReturnType<typeof createNet>;

  constructor() {
    super(new Stack(), new Stack());
    this.#net = createNet(this.client);
    const server = createNet(this.server).createServer((socket) => {
      this.ends.server.push(socket);
      socket.on('error', ignore);
      socket.on('data', echo);
    });
    server.listen(PORT);
  }

  async open(connections: number, bytes: number): Promise<void> {
    const opened: Socket[] = [];
    for (let i = 0; i < connections; i += WARM) {
      const sockets = Array.from({ length: WARM }, () => this.#net.connect(PORT, '10.0.0.2'));
      await Promise.all(sockets.map((socket) => once(socket, 'connect')));
      opened.push(...sockets);
    }
    for (const socket of opened) {
      socket.on('error', ignore);
      if (bytes > 0) await carry(socket, bytes);
    }
    this.ends.client.push(...opened);
    await this.settle();
  }

  override async settle(): Promise<void> {
    // Delayed ACKs, what is left for the next tick, and time-outs of what has gone.
    await sleep(quick ? 100 : 500);
  }

  override abort(socket: Socket): void {
    socket.resetAndDestroy();
  }
}

function ignore(): void {}

function echo(this: Socket, chunk: Uint8Array): void {
  this.write(chunk);
}

async function carry(socket: Socket, bytes: number): Promise<void> {
  socket.write(new Uint8Array(bytes));
  for (let left = bytes; left > 0;) {
    if (socket.readableLength === 0) await once(socket, 'readable');
    left -= (socket.read() as Uint8Array | null)?.length ?? 0;
  }
  socket.removeAllListeners('readable');
}

/** Bytes for each connection: of both ends together, of the client's alone, of the server's alone. */
async function measure<Connected>(make: () => World<Connected>, connections: number, bytes: number): Promise<number[]> {
  const results: number[] = [];
  for (const lost of ['server', 'client'] as const) {
    const world = make();
    await world.open(WARM, bytes);
    const before = memory();
    await world.open(connections, bytes);
    const both = memory() - before;
    await world.lose(lost);
    const rest = memory() - before;
    world.destroy();
    await sleep(0);
    results.push(both / connections, rest / connections);
  }
  const [both1, client, both2, server] = results;
  return [(both1! + both2!) / 2, client!, server!];
}

async function timeWait(connections: number): Promise<number> {
  const world = new CoreWorld();
  await world.open(WARM, 0);
  const before = memory();
  await world.open(connections, 0);
  await world.close();
  const cost = (memory() - before) / world.client.tcp.timeWaitCount;
  world.destroy();
  return cost;
}

function median(values: number[]): string {
  return values.toSorted((x, y) => x - y)[values.length >> 1]!.toFixed(0);
}

const CASES = [
  { name: 'never carried data', bytes: 0, connections: quick ? 500 : 10_000 },
  { name: '4 KB each way before', bytes: 4096, connections: quick ? 500 : 3000 },
  { name: '1 MB each way before', bytes: 1_000_000, connections: quick ? 100 : 200 },
];

const rows: object[] = [];
const make: Record<string, () => World<Connection | Socket>> = {
  'core connection': () => new CoreWorld(),
  'net socket': () => new NetWorld(),
};
for (const [api, world] of Object.entries(make)) {
  for (const { name, bytes, connections } of CASES) {
    const runs: number[][] = [];
    for (let run = 0; run < RUNS; run++) {
      runs.push(await measure(world, connections, bytes));
    }
    const [both, client, server] = [0, 1, 2].map((i) => median(runs.map((costs) => costs[i]!)));
    rows.push({ idle: `${api}, ${name}`, client, server, 'both ends': both });
  }
}
const waits: number[] = [];
for (let run = 0; run < RUNS; run++) waits.push(await timeWait(quick ? 500 : 5000));
rows.push({ idle: 'core connection in TIME-WAIT', client: median(waits) });
console.log('bytes for each, medians');
console.table(rows);
