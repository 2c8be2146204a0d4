import { once } from 'node:events';
import type nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, closing, listening, portOf } from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

const HOST = '127.0.0.1';

describe.each(MODULES)('$name: promises between the events of a socket', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  let server: nodeNet.Server;
  beforeEach(() => {
    modules = make();
    net = modules.net;
  });
  afterEach(async () => {
    await closed(server);
    await modules.end();
  });

  it('come between one data and the next: who awaits each of them loses none', async () => {
    server = await listening(net.createServer());
    const accepted = once(server, 'connection');
    const near = net.connect(portOf(server), HOST);
    const [far] = (await accepted) as [nodeNet.Socket];
    near.end(Buffer.alloc(1_000_000));
    let received = 0;
    while (received < 1_000_000) {
      const [bytes] = (await once(far, 'data')) as [Buffer];
      received += bytes.length;
    }
    expect(received).toBe(1_000_000);
    far.destroy();
    await closing(near.resume());
  });

  it('come between data and end: who answers in one still can', async () => {
    const entries: string[] = [];
    server = await listening(
      net.createServer((far) => {
        const answer = async (bytes: Buffer): Promise<void> => {
          entries.push('data');
          await Promise.resolve();
          await Promise.resolve();
          entries.push('reply');
          far.write(bytes);
        };
        far.on('data', (bytes) => void answer(bytes));
        far.on('end', () => entries.push('end'));
        far.on('error', (error) => entries.push(error.message));
      }),
    );
    const near = net.connect(portOf(server), HOST);
    await once(near, 'connect');
    near.end('question');
    const [answer] = (await once(near, 'data')) as [Buffer];
    expect(String(answer)).toBe('question');
    await closing(near);
    expect(entries).toEqual(['data', 'reply', 'end']);
  });

  it('come between data and end where both were there before anybody read', async () => {
    server = await listening(net.createServer({ pauseOnConnect: true }));
    const accepted = once(server, 'connection');
    const near = net.connect(portOf(server), HOST);
    const [far] = (await accepted) as [nodeNet.Socket];
    near.end('question');
    await once(near, 'finish');
    for (let i = 0; i < 50; i++) await new Promise(setImmediate);
    far.resume();
    const [bytes] = (await once(far, 'data')) as [Buffer];
    far.end(`re: ${String(bytes)}`);
    const [answer] = (await once(near, 'data')) as [Buffer];
    expect(String(answer)).toBe('re: question');
    await closing(near);
  });
});
