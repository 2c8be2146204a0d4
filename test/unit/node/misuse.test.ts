import { once } from 'node:events';
import * as http from 'node:http';
import * as nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import { createDgram, createNet, httpAgent, httpsAgent, serve, undiciConnector } from '../../../src/node/index.ts';

/** What an emitter says with its next 'error'. */
async function nextError(emitter: NodeJS.EventEmitter): Promise<unknown> {
  const [error] = (await once(emitter, 'error')) as unknown[];
  return error;
}

describe('wrong objects', () => {
  const typed = (message: RegExp) =>
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', message: expect.stringMatching(message) });

  it('are no stacks', () => {
    for (const wrong of [undefined, null, {}, 'stack', Stack, nodeNet]) {
      expect(() => createNet(wrong as never)).toThrow(typed(/"stack" argument must be a Stack/));
      expect(() => createDgram(wrong as never)).toThrow(typed(/"stack" argument must be a Stack/));
    }
  });

  it('are no nets, and no servers', () => {
    const stack = new Stack();
    const net = createNet(stack);
    for (const wrong of [undefined, null, {}, nodeNet]) {
      for (const glue of [httpAgent, httpsAgent, undiciConnector]) {
        expect(() => glue(wrong as never)).toThrow(typed(/a Stack, .* or what createNet\(stack\) returns/));
      }
    }
    const web = http.createServer();
    const server = net.createServer();
    for (const wrong of [undefined, {}, server, () => {}]) {
      expect(() => serve(wrong as never, server)).toThrow(typed(/"httpServer" .*http\.createServer/));
    }
    for (const wrong of [undefined, {}, web, nodeNet.createServer()]) {
      expect(() => serve(web, wrong as never)).toThrow(typed(/"netServer" .*createNet\(stack\)\.createServer/));
    }
    expect(serve(web, server)).toBe(server);
  });

  it('are no options of a connection', () => {
    const stack = new Stack();
    const net = createNet(stack);
    const tcp = { nodelay: true } as never;
    const refused = expect.objectContaining({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/nodelay/),
    });
    expect(() => createNet(stack, { tcp })).toThrow(refused);
    expect(() => net.createServer({ tcp })).toThrow(refused);
    expect(() => net.connect({ port: 1, host: '127.0.0.1', tcp })).toThrow(refused);
    expect(() => createNet(stack, { Lookup: () => {} } as never)).toThrow(/Lookup/);
  });
});

describe("errors in Node's words", () => {
  let stack: Stack;

  beforeEach(() => {
    stack = new Stack();
  });

  afterEach(async () => {
    await stack.destroy();
  });

  /** The message is Node's; what to do says the core's own error, which is the cause. */
  const because = (message: string, cause: string, fields: object = {}) =>
    expect.objectContaining({ message, cause: expect.objectContaining({ message: cause }), ...fields });

  it('connecting without a way has the hint of the core in its cause', async () => {
    const net = createNet(stack);
    const noWay = 'connect ENETUNREACH 192.0.2.1:80';
    expect(await nextError(net.connect(80, '192.0.2.1'))).toEqual(
      because(`${noWay} - Local (0.0.0.0:0)`, `${noWay}: no route: add one with stack.routes.add`, {
        code: 'ENETUNREACH',
        errno: -101,
        syscall: 'connect',
        address: '192.0.2.1',
        port: 80,
      }),
    );
  });

  it('so has a local address that is not there, and a server', async () => {
    const net = createNet(stack);
    const socket = net.connect({ port: 9, host: '127.0.0.1', localAddress: '192.0.2.1' });
    expect(await nextError(socket)).toEqual(
      because(
        'bind EADDRNOTAVAIL 192.0.2.1',
        'connect EADDRNOTAVAIL 127.0.0.1:9: 192.0.2.1 is not an address of this stack',
      ),
    );
    expect(await nextError(net.createServer().listen(80, 'fd00::9'))).toEqual(
      because('listen EADDRNOTAVAIL: address not available fd00::9:80', 'listen EADDRNOTAVAIL fd00::9:80'),
    );
  });

  it('the cause is not shown among the fields of the error', async () => {
    const error = await nextError(createNet(stack).connect(80, '192.0.2.1'));
    expect(Object.keys(error as object).sort()).toEqual(['address', 'code', 'errno', 'port', 'syscall']);
  });

  it('so has sending', async () => {
    const socket = createDgram(stack).createSocket('udp4');
    const send = (bytes: number, address: string): Promise<unknown> =>
      new Promise((resolve) => {
        socket.send(new Uint8Array(bytes), 9, address, resolve);
      });
    const noWay = 'send ENETUNREACH 192.0.2.1:9';
    expect(await send(1, '192.0.2.1')).toEqual(because(noWay, `${noWay}: no route: add one with stack.routes.add`));
    const tooLong = 'send EMSGSIZE 127.0.0.1:9';
    expect(await send(65_508, '127.0.0.1')).toEqual(because(tooLong, expect.stringContaining(`${tooLong}: `)));
    socket.close();
  });
});

describe('a datagram socket of a closed stack', () => {
  it("cannot be bound: 'error' tells it, and drops what waited, as in Node", async () => {
    const stack = new Stack();
    await stack.close();
    const { createSocket } = createDgram(stack);
    const uses: ((socket: ReturnType<typeof createSocket>) => void)[] = [
      (socket) => socket.bind(9),
      (socket) => socket.send('x', 9, '127.0.0.1', () => expect.unreachable()),
      (socket) => socket.connect(9, '127.0.0.1', () => expect.unreachable()),
    ];
    for (const use of uses) {
      const socket = createSocket('udp4');
      use(socket);
      expect(await nextError(socket)).toMatchObject({
        code: 'ERR_INVALID_STATE',
        message: expect.stringMatching(/closed/),
      });
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      socket.close();
      await once(socket, 'close');
    }
    expect(() => createSocket('udp4').bindSync()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
  });
});
