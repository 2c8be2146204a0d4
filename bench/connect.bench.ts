import { once } from 'node:events';
import nodeNet from 'node:net';
import { cable } from '../src/link/cable.ts';
import { createNet } from '../src/node/net.ts';
import { Stack } from '../src/stack/stack.ts';
import type { Connection } from '../src/tcp/connection.ts';
import { median, quick } from './support/report.ts';

/**
 * Connect, one byte each way, close (the client first): what a connection costs from its first packet to its last, both
 * ends in one process, by time on a processor. Beside them Node's own sockets over the kernel's loopback, whose time
 * includes the kernel's.
 */
const CONNECTIONS = quick ? 500 : 3000;
const RUNS = quick ? 3 : 5;
const AT_ONCE = [1, 32];
const BYTE = Uint8Array.of(1);
const PORT = 9;

/** Opens one connection and calls back when both ends of it are done. */
type Visit = (done: () => void) => void;

function stacks(): { near: Stack; far: Stack } {
  const [a, b] = cable({ mtu: 1500 });
  const [near, far] = [new Stack(), new Stack()];
  near.attach(a, { addresses: ['10.0.0.1/24'] });
  far.attach(b, { addresses: ['10.0.0.2/24'] });
  return { near, far };
}

/** The core API: callbacks, no streams. */
function coreVisits(): Visit {
  const { near, far } = stacks();
  const served = {
    onReadable: (c: Connection): void => {
      if (c.read() !== undefined) c.write(BYTE);
    },
    onEnd: (c: Connection): void => c.close(),
  };
  far.tcp.listen({ port: PORT }, (connection) => {
    connection.handler = served;
  });
  return (done) => {
    near.tcp.connect(
      { remoteAddress: '10.0.0.2', remotePort: PORT },
      {
        onConnect: (c) => c.write(BYTE),
        onReadable: (c) => {
          if (c.read() !== undefined) c.shutdown();
        },
        onEnd: (c) => {
          c.close();
          done();
        },
      },
    );
  };
}

type NodeNet = typeof nodeNet;

function netOf(stack: Stack): NodeNet {
  const net: unknown = createNet(stack);
  return net as NodeNet;
}

async function netVisits(near: NodeNet, far: NodeNet, host: string): Promise<Visit> {
  const server = far.createServer((socket) => {
    socket.on('data', () => socket.write(BYTE));
    socket.on('error', () => {});
  });
  server.listen(0, host).unref();
  await once(server, 'listening');
  const { port } = server.address() as nodeNet.AddressInfo;
  return (done) => {
    const socket = near.connect(port, host, () => socket.write(BYTE));
    socket.on('data', () => socket.end());
    socket.on('error', (error) => {
      throw error;
    });
    socket.on('close', done);
  };
}

const worlds: Record<string, () => Visit | Promise<Visit>> = {
  'core, a cable': coreVisits,
  'net sockets, a cable': () => {
    const { near, far } = stacks();
    return netVisits(netOf(near), netOf(far), '10.0.0.2');
  },
  'node:net, loopback': () => netVisits(nodeNet, nodeNet, '127.0.0.1'),
};

interface Spent {
  readonly cpu: number;
  readonly rate: number;
}

/** So many visits, so many of them at once. */
async function visit(one: Visit, count: number, atOnce: number): Promise<Spent> {
  const [began, used] = [performance.now(), process.cpuUsage()];
  let left = count;
  let open = 0;
  await new Promise<void>((resolve) => {
    const next = (): void => {
      if (left-- > 0) one(next);
      else if (--open === 0) resolve();
    };
    for (; open < atOnce; open++) if (left-- > 0) one(next);
  });
  const { user, system } = process.cpuUsage(used);
  return { cpu: (user + system) / count, rate: count / (performance.now() - began) };
}

const prepared: [string, Visit][] = [];
for (const [name, make] of Object.entries(worlds)) prepared.push([name, await make()]);
const rows: object[] = [];
for (const atOnce of AT_ONCE) {
  const spent = prepared.map((): Spent[] => []);
  for (let run = -1; run < RUNS; run++) {
    for (const [i, [, one]] of prepared.entries()) {
      const result = await visit(one, CONNECTIONS, atOnce);
      if (run >= 0) spent[i]!.push(result);
    }
  }
  for (const [i, [name]] of prepared.entries()) {
    rows.push({
      case: name,
      'at once': atOnce,
      'µs CPU, median': median(spent[i]!.map(({ cpu }) => cpu)).toFixed(1),
      min: Math.min(...spent[i]!.map(({ cpu }) => cpu)).toFixed(1),
      max: Math.max(...spent[i]!.map(({ cpu }) => cpu)).toFixed(1),
      'k/s, median': median(spent[i]!.map(({ rate }) => rate)).toFixed(2),
    });
  }
}
console.table(rows);
// TIME-WAIT of the stacks, and the server of Node's, are nobody's to wait for.
process.exit(0);
