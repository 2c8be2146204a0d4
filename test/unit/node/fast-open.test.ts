import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import { createNet } from '../../../src/node/index.ts';

/** A stack that talks with itself; its sockets ask for Fast Open. */
function over(): { stack: Stack; net: ReturnType<typeof createNet> } {
  const stack = new Stack();
  return { stack, net: createNet(stack, { tcp: { fastOpen: true } }) };
}

describe('createNet with Fast Open', () => {
  it('[S-097] net.connect().write(): the first write rides in the SYN of the second connection', async () => {
    const { stack, net } = over();
    const states: string[] = [];
    const server = net.createServer({ tcp: { fastOpen: 16 } }, (socket) => {
      socket.once('data', () => states.push(socket.tcp!.state));
      socket.pipe(socket);
    });
    server.listen(80, '127.0.0.1');
    await once(server, 'listening');
    const outcomes: string[] = [];
    for (let i = 0; i < 2; i++) {
      const socket = net.connect(80, '127.0.0.1');
      socket.write('early ');
      socket.write('late');
      socket.setEncoding('utf8');
      let text = '';
      for await (const piece of socket) {
        text += String(piece);
        if (text.length < 10) continue;
        outcomes.push(socket.tcp!.info().fastOpen);
        expect(socket.bytesWritten).toBe(10);
        socket.end();
      }
      expect(text).toBe('early late');
    }
    expect(outcomes).toEqual(['requested', 'accepted']);
    expect(states).toEqual(['ESTABLISHED', 'SYN_RECV']);
    server.close();
    await stack.close();
  });

  it('[S-097] a server is asked for itself: the option of createNet is for its clients', async () => {
    const { stack, net } = over();
    const server = net.createServer((socket) => socket.pipe(socket));
    server.listen(80, '127.0.0.1');
    await once(server, 'listening');
    for (let i = 0; i < 2; i++) {
      const socket = net.connect(80, '127.0.0.1');
      socket.write('early');
      await once(socket, 'data');
      expect(socket.tcp!.info().fastOpen).toBe('requested');
      socket.destroy();
      await once(socket, 'close');
    }
    server.close();
    await stack.close();
  });

  it('[S-097] a write that waits goes to the attempt that succeeds', async () => {
    const { stack, net } = over();
    const server = net.createServer((socket) => socket.pipe(socket));
    server.listen(80, '127.0.0.2');
    await once(server, 'listening');
    const socket = net.connect({
      port: 80,
      host: 'server',
      autoSelectFamily: true,
      lookup: (_name, _options, callback) => {
        const addresses = [
          { address: '127.0.0.1', family: 4 },
          { address: '127.0.0.2', family: 4 },
        ];
        callback(null, addresses);
      },
    });
    socket.end('once');
    socket.setEncoding('utf8');
    let text = '';
    for await (const piece of socket) text += String(piece);
    expect(text).toBe('once');
    expect(socket.autoSelectFamilyAttemptedAddresses).toEqual(['127.0.0.1:80', '127.0.0.2:80']);
    server.close();
    await stack.close();
  });
});
