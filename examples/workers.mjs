// One stack in each worker, all with one address on one TUN device with a queue for each: the kernel shares the connections out.
import { availableParallelism } from 'node:os';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { Stack } from 'usernet';
import { createNet } from 'usernet/node';
import { openTun } from 'usernet/tun';

const of = Math.max(2, availableParallelism());
if (isMainThread) {
  for (let index = 0; index < of; index++) {
    const worker = new Worker(new URL(import.meta.url), { workerData: index });
    worker.once('error', (error) => {
      console.error(error.message);
      process.exit(1);
    });
  }
  process.once('SIGINT', () => process.exit()); // the device goes with its queues
} else {
  const index = workerData;
  const stack = new Stack();
  const tun = await openTun({ name: 'tun0', kernelAddresses: ['10.7.0.1/24'], multiQueue: { index, of } });
  await stack.attach(tun, { addresses: ['10.7.0.2/24'] }).ready;
  const server = createNet(stack).createServer((socket) => {
    socket.on('error', () => {}); // a client that went away
    socket.end(`this is worker ${index}\n`);
  });
  server.listen(7000, () => console.log(`worker ${index} listens: nc 10.7.0.2 7000`));
}
