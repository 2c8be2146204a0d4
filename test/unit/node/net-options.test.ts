import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import { createNet } from '../../../src/node/index.ts';

const WRONG: [tcp: object, code: string][] = [
  [{ congestion: 'vegas' }, 'ERR_INVALID_ARG_VALUE'],
  [{ congestion: 5 }, 'ERR_INVALID_ARG_TYPE'],
  [{ ecn: 'on' }, 'ERR_INVALID_ARG_VALUE'],
  [{ pathMtuDiscovery: true }, 'ERR_INVALID_ARG_TYPE'],
  [{ mss: 12 }, 'ERR_OUT_OF_RANGE'],
  [{ ttl: '64' }, 'ERR_INVALID_ARG_TYPE'],
  [{ sendBuffer: 'big' }, 'ERR_INVALID_ARG_TYPE'],
  [{ linger: -1 }, 'ERR_OUT_OF_RANGE'],
  [{ sack: 1 }, 'ERR_INVALID_ARG_TYPE'],
  [{ fastOpen: 'yes' }, 'ERR_INVALID_ARG_TYPE'],
];

describe('a value that an option of `tcp` can not have is refused at the call', () => {
  let stack: Stack;
  beforeEach(() => {
    stack = new Stack();
  });
  afterEach(() => stack.destroy());

  it.each(WRONG)('%j', (wrong, code) => {
    const net = createNet(stack);
    const tcp = wrong as never;
    const refused = expect.objectContaining({ code });
    expect(() => createNet(stack, { tcp })).toThrow(refused);
    expect(() => net.createServer({ tcp })).toThrow(refused);
    expect(() => net.connect({ port: 1, host: '127.0.0.1', tcp })).toThrow(refused);
    expect(() => new net.Socket().connect({ port: 1, host: 'a.name', tcp })).toThrow(refused);
    stack.assertQuiescent();
  });

  it('fastOpen of a server is a number, of a connection it is not', () => {
    const net = createNet(stack);
    expect(() => net.createServer({ tcp: { fastOpen: 16 } })).not.toThrow();
    expect(() => net.createServer({ tcp: { fastOpen: -1 } })).toThrow(RangeError);
    expect(() => net.connect({ port: 1, tcp: { fastOpen: 16 as never } })).toThrow(TypeError);
  });

  it('and so are a signal and a lookup that are none', () => {
    const net = createNet(stack);
    const listen = (options: object) => net.createServer().listen({ port: 0, ...options });
    const coded = (code: string) => expect.objectContaining({ code });
    expect(() => listen({ signal: {} })).toThrow(coded('ERR_INVALID_ARG_TYPE'));
    expect(() => createNet(stack, { lookup: 'dns' as never })).toThrow(coded('ERR_INVALID_ARG_TYPE'));
    stack.assertQuiescent();
  });

  it('but Node takes 32 bits of anything for a backlog, without a sign, and so do we', () => {
    const server = createNet(stack).createServer();
    const most = 2 ** 31 - 1;
    const taken = ['5', 5.9, 0, null, -1, 2 ** 31, 2 ** 32 + 7, {}, 'x'].map((backlog) => {
      server.listen({ port: 0, backlog: backlog as never });
      const [listener] = stack.tcp.listeners;
      server.close();
      return listener?.backlog;
    });
    expect(taken).toEqual([5, 5, 511, 511, most, most, 7, 1, 1]);
  });
});
