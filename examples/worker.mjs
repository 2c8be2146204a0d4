// A stack in each of two threads, joined by a message port. This file is the program of both.
import { MessageChannel, Worker, isMainThread, workerData } from 'node:worker_threads';
import { Stack, messagePortLink } from 'usernet';

const stack = new Stack();
if (isMainThread) {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL(import.meta.url), { workerData: port2, transferList: [port2] });
  worker.once('exit', (code) => console.log(`the worker has ended with ${code}`));
  stack.attach(messagePortLink(port1), { addresses: ['10.0.0.1/24'] });
  await new Promise((resolve) => stack.on('link', ({ up }) => up && resolve(up))); // the other end is open
  const reply = await stack.ping('10.0.0.2');
  console.log(`${reply.address} is there`);
  await stack.close();
} else {
  stack.attach(messagePortLink(workerData), { addresses: ['10.0.0.2/24'] });
  stack.tcp.listen({ port: 7 }, (connection) => connection.close()); // open sockets keep a thread alive, links don't
  stack.on('link', ({ up }) => up || void stack.close());
}
