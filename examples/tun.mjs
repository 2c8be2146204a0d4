import { Stack } from 'usernet';
import { createNet } from 'usernet/node';
import { openTun } from 'usernet/tun';

const stack = new Stack();
const tun = await openTun({ name: 'tun0', kernelAddresses: ['10.7.0.1/24'] });
await stack.attach(tun, { addresses: ['10.7.0.2/24'] }).ready;

const server = createNet(stack).createServer((socket) => {
  socket.on('error', () => {}); // a client that went away
  socket.pipe(socket);
});
server.listen(7, () => console.log('try: ping 10.7.0.2, nc 10.7.0.2 7')); // open sockets keep the process alive, links don't
process.once('SIGINT', () => void stack.close()); // the device goes with its stack
