import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, textOf, uncaught } from './dgram-bench.ts';
import { MODULES } from './modules.ts';

describe.each(MODULES)('$name: what a program throws is uncaught, and harms nobody', ({ make }) => {
  let bench: DgramBench;
  const failure = new Error('of the program');
  const fail = (): never => {
    throw failure;
  };
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  it("from a 'message' listener: the next message comes, to this socket and to others", async () => {
    const server = await bench.bound();
    const other = await bench.bound();
    const client = await bench.bound();
    const { port } = server.address();
    const seen: string[] = [];
    server.once('message', fail);
    server.on('message', (message) => seen.push(message.toString()));
    const heard = Promise.all([textOf(other), new Promise((resolve) => server.on('message', resolve))]);
    const error = await uncaught(() => {
      client.send('one', port, LOCALHOST);
      client.send('two', port, LOCALHOST);
      client.send('three', other.address().port, LOCALHOST);
    });
    expect(error).toBe(failure);
    expect((await heard)[0]).toBe('three');
    expect(seen).toEqual(['two']);
  });

  it("from a 'listening' listener or a bind's callback: the socket is bound", async () => {
    const socket = bench.socket();
    expect(await uncaught(() => socket.bind(0, LOCALHOST, fail))).toBe(failure);
    const client = await bench.bound();
    client.send('x', socket.address().port, LOCALHOST);
    expect(await textOf(socket)).toBe('x');
  });

  it("from a send's callback: the message went", async () => {
    const server = await bench.bound();
    const client = await bench.bound();
    const heard = textOf(server);
    expect(await uncaught(() => client.send('x', server.address().port, LOCALHOST, fail))).toBe(failure);
    expect(await heard).toBe('x');
    client.send('y', server.address().port, LOCALHOST);
    expect(await textOf(server)).toBe('y');
  });

  it("from a 'connect' listener: the socket is connected", async () => {
    const server = await bench.bound();
    const client = await bench.bound();
    expect(await uncaught(() => client.connect(server.address().port, LOCALHOST, fail))).toBe(failure);
    client.send('x');
    expect(await textOf(server)).toBe('x');
  });

  it("from a 'close' listener, and an error that nobody listens to", async () => {
    const socket = await bench.bound();
    expect(await uncaught(() => void socket.on('close', fail).close())).toBe(failure);
    const server = await bench.bound();
    const client = await bench.connected(server);
    server.close();
    await once(server, 'close');
    expect(await uncaught(() => client.send('x'))).toMatchObject({ code: 'ECONNREFUSED' });
    expect(client.remoteAddress().address).toBe(LOCALHOST);
  });
});
