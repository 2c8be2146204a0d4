/**
 * The gateway case with usernet: whoever connects to 10.7.0.2 on a TUN device reaches the same port of this program's own
 * loopback, through a socket of Node's. Runs in a namespace, until its input ends.
 */
import { once } from 'node:events';
import nodeNet from 'node:net';
import type { Duplex } from 'node:stream';
import { Stack } from 'usernet';
import { createNet } from 'usernet/node';
import { openTun } from 'usernet/tun';

const PORTS = [9, 19, ...Array.from({ length: 8 }, (_, i) => 7 + 1000 * i)];

/** Each side ends when the other has; a side that breaks takes the other with it. */
function join(a: Duplex, b: Duplex): void {
  a.pipe(b).pipe(a);
  a.on('error', () => b.destroy());
  b.on('error', () => a.destroy());
}

const stack = new Stack();
await stack.attach(await openTun({ name: 'tun0', kernelAddresses: ['10.7.0.1/24'] }), { addresses: ['10.7.0.2/24'] })
  .ready;
const net = createNet(stack);
for (const port of PORTS) {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (inner) => {
    join(inner, nodeNet.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }));
  });
  await once(server.listen(port, '10.7.0.2', 4096), 'listening');
}
// Nobody waits longer than that for a run.
setTimeout(() => process.exit(1), 120_000).unref();
process.stdin.on('end', () => process.exit()).resume();
process.stdout.write('{"event":"ready"}\n');
