import type nodeDgram from 'node:dgram';
import type nodeNet from 'node:net';
import type { Duplex } from 'node:stream';
import { Stack } from '../../src/index.ts';
import { createDgram, createNet } from '../../src/node/index.ts';

/*
 * Checked by `npm run typecheck`, never run: what takes Node's modules, sockets and servers takes those of a stack.
 */

const stack = new Stack();

const net: typeof nodeNet = createNet(stack);
const dgram: typeof nodeDgram = createDgram(stack);

const server: nodeNet.Server = createNet(stack).createServer((socket: nodeNet.Socket) => socket.end());
const socket: nodeNet.Socket = createNet(stack).connect({ port: 1, host: 'a.name', tcp: { congestion: 'bbr' } });
const stream: Duplex = socket;
const datagrams: nodeDgram.Socket = createDgram(stack).createSocket('udp4');

// What Node's types say of options holds for ours.
const options: nodeNet.NetConnectOpts = { port: 1, host: 'a.name', localPort: 5, timeout: 1, family: 4 };
createNet(stack).connect(options, () => {});
const made = new (createNet(stack).Socket)({ allowHalfOpen: true } satisfies nodeNet.SocketConstructorOpts);
createNet(stack)
  .createServer({ pauseOnConnect: true } satisfies nodeNet.ServerOpts)
  .listen({ port: 1, exclusive: true });

// Options of our own are typed.
createNet(stack).createServer({ tcp: { keepAliveCount: 3 } });
// @ts-expect-error: not a number of probes
createNet(stack).createServer({ tcp: { keepAliveCount: 'three' } });
// @ts-expect-error: no such option
createNet(stack).connect({ port: 1, tcp: { keepAliveCounts: 3 } });
createNet(stack).connect(1).tcp?.info();

export { dgram, datagrams, made, net, server, stream };
