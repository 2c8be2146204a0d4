import { Stack, cable } from 'usernet';
import { createNet } from 'usernet/node';

const [a, b] = cable(); // or: openTun() from 'usernet/tun', or a link of your own
const alice = new Stack();
const bob = new Stack();
alice.attach(a, { addresses: ['10.0.0.1/24'] });
bob.attach(b, { addresses: ['10.0.0.2/24'] });

const server = createNet(bob).createServer((socket) => socket.pipe(socket));
server.listen(7);
const socket = createNet(alice).connect(7, '10.0.0.2');
socket.end('hello, userspace\n');
for await (const chunk of socket) console.log(`${socket.remoteAddress} says: ${chunk}`);
await alice.close(); // sends what is left and waits until it is acknowledged
await bob.close();
