// A worker with a stack of its own, on the port that it is given: echoes on TCP port 7, until the link ends.
import { workerData } from 'node:worker_threads';
import { Stack, messagePortLink } from '../../../dist/index.js';
import { createNet } from '../../../dist/node/index.js';

const stack = new Stack();
stack.attach(messagePortLink(workerData.port), { addresses: ['10.0.0.2/24'] });
const server = createNet(stack).createServer((socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
});
server.listen(7);
stack.on('link', ({ up }) => {
  if (!up) void stack.close();
});
