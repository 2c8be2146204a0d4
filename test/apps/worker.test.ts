import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { messagePortLink, Stack } from '../../src/index.ts';
import { createNet } from '../../src/node/index.ts';

const PROGRAM = fileURLToPath(new URL('programs/worker-stack.mjs', import.meta.url));

it('two stacks in two threads exchange megabytes over a message port, and both threads end', async () => {
  if (!existsSync(new URL('../../dist/index.js', import.meta.url)))
    throw new Error('there is no dist/: run `npm run build`');
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(PROGRAM, { workerData: { port: port2 }, transferList: [port2] });
  const ended = once(worker, 'exit');
  const stack = new Stack();
  // The other thread has to load its program first.
  const link = messagePortLink(port1, { queueBytes: 131_072 });
  const iface = stack.attach(link, { addresses: ['10.0.0.1/24'] });
  await new Promise<void>((resolve) => {
    stack.on('link', ({ up }) => (up ? resolve() : undefined));
  });
  expect(iface.up).toBe(true);

  const socket = createNet(stack).connect(7, '10.0.0.2');
  const sent = Buffer.alloc(4_000_000, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));
  socket.end(sent);
  const received: Buffer[] = [];
  for await (const chunk of socket) received.push(chunk as Buffer);
  expect(Buffer.concat(received).equals(sent)).toBe(true);
  expect(link.dropped.snapshot()).toEqual({});
  await stack.close();
  const [code] = (await ended) as [number];
  expect(code).toBe(0);
});
