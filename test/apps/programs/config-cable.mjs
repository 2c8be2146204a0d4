// The program's stack, at 10.0.0.1, and another host in the same process, at 10.0.0.2: an echo, and port 8080 passed on.
import { Stack, cable } from 'usernet';
import { createNet } from 'usernet/node';

const [a, b] = cable();
const near = new Stack();
near.attach(a, { addresses: ['10.0.0.1/24'] });
const far = new Stack();
far.attach(b, { addresses: ['10.0.0.2/24'] });
const net = createNet(far);
net
  .createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket))
  .listen(7)
  .unref();
net
  .createServer({ allowHalfOpen: true }, (socket) => {
    const onward = net.connect({ port: 80, host: '10.0.0.1', allowHalfOpen: true });
    socket.pipe(onward).pipe(socket);
  })
  .listen(8080)
  .unref();

export default Promise.resolve(near);
