import { Stack } from 'usernet';
import { createNet } from 'usernet/node';
import { openPacketSocket } from 'usernet/tun';

const stack = new Stack();
const card = await openPacketSocket({ interface: process.argv[2] ?? 'veth0' });
await stack.attach(card, { addresses: ['10.7.0.2/24'] }).ready;

const server = createNet(stack).createServer((socket) => {
  socket.on('error', () => {}); // a client that went away
  socket.end(`hello ${socket.remoteAddress}\n`);
});
server.listen(7, '0.0.0.0', () => console.log('try: arping -I veth1 10.7.0.2, nc 10.7.0.2 7'));
process.once('SIGINT', () => void stack.close());
