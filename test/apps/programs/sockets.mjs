// Sockets, by every way in which a module gets hold of node:net and node:dgram.
import dgram, { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net, { connect, createServer } from 'node:net';
import * as everything from 'net';
import { text } from 'node:stream/consumers';

const require = createRequire(import.meta.url);
const server = createServer((socket) => socket.end('hello'));
await once(server.listen(0, '127.0.0.1'), 'listening');
const { port } = server.address();
const ways = { connect, net, everything, dynamic: await import('node:net'), required: require('net') };
for (const [name, way] of Object.entries(ways)) {
  const socket = (way.connect ?? way)(port, '127.0.0.1');
  console.log(name, await text(socket), socket instanceof net.Socket);
}
const socket = new net.Socket();
console.log(await text(socket.connect({ port, host: 'localhost', family: 4 })));
server.close();

for (const make of [createSocket, dgram.createSocket, require('dgram').createSocket]) {
  const udp = make('udp4');
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  udp.send('to itself', udp.address().port, '127.0.0.1');
  const [message, info] = await once(udp, 'message');
  console.log(String(message), info.address, info.family, info.port === udp.address().port);
  udp.close();
}
