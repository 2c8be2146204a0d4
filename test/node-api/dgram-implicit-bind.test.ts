import nodeDgram from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, called, fieldsOf, textOf, thrown, turn, uncaught, wrong } from './dgram-bench.ts';
import { MODULES } from './modules.ts';

const GROUP = '224.0.0.114';

/** Until v24.21 the callback of a `bind` hides its error: it has a listener of its own. */
function hidesErrors(): boolean {
  const socket = nodeDgram.createSocket('udp4');
  socket.bind(0, LOCALHOST, () => socket.close());
  return socket.listenerCount('error') > 0;
}

const HIDES_ERRORS = hidesErrors();

describe.each(MODULES)('$name: what waits for a bind', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  /** A socket that cannot be bound: joining a group has taken a port for it. */
  function joined(): Socket {
    const socket = bench.socket();
    socket.addMembership(GROUP, LOCALHOST);
    return socket;
  }

  const never = (): never => expect.unreachable();

  it('goes in order once the socket is bound, behind the listeners that were there before', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const events: string[] = [];
    const socket = bench.socket();
    socket.on('listening', () => events.push('listening'));
    socket.send('one', port, LOCALHOST, () => events.push('one'));
    socket.connect(port, LOCALHOST, () => events.push('connect'));
    socket.close(() => events.push('close'));
    socket.on('listening', () => events.push('later listener'));
    await once(socket, 'close');
    await turn();
    // Closing comes before the addresses are looked up: nothing is sent, nobody is told.
    expect(events).toEqual(['listening', 'later listener', 'close']);
  });

  it('binds once for all of it, and not for who asks while it does', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    const socket = bench.socket();
    let listening = 0;
    socket.on('listening', () => listening++);
    const seen = new Set<string>();
    const both = new Promise<void>((resolve) => {
      server.on('message', (message) => {
        seen.add(message.toString());
        if (seen.size === 2) resolve();
      });
    });
    socket.send('one', port, LOCALHOST);
    socket.send('two', port, LOCALHOST);
    expect(thrown(() => socket.bind())).toMatchObject({ code: 'ERR_SOCKET_ALREADY_BOUND' });
    await both;
    expect(listening).toBe(1);
    expect([...seen]).toEqual(['one', 'two']);
  });

  it('is dropped when the bind fails: the event tells it, no callback does', async () => {
    const { port } = (await bench.bound()).address();
    const socket = bench.socket();
    socket.bind(port, LOCALHOST);
    socket.send('x', port, LOCALHOST, never);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toBe(`bind EADDRINUSE ${LOCALHOST}:${port}`);
    await turn();
    expect([socket.listenerCount('listening'), socket.listenerCount('error')]).toEqual([0, 0]);
    expect(await called((done) => socket.send('x', 9, LOCALHOST, done))).toEqual([null, 1]);
  });

  it('is dropped by any other error, too', async () => {
    const socket = bench.socket();
    socket.send('x', 9, LOCALHOST, never);
    socket.on('error', () => {});
    socket.emit('error', new Error('of the program'));
    await once(socket, 'listening');
    await turn();
    expect(socket.address().port).toBeGreaterThan(0);
  });

  it('an implicit bind that fails: EINVAL when a group was joined before', async () => {
    const sender = joined();
    sender.send('x', 9, LOCALHOST, never);
    const [error] = (await once(sender, 'error')) as [Error];
    expect(error.message).toBe('bind EINVAL 0.0.0.0');
    expect(fieldsOf(error)).toEqual({ errno: -22, code: 'EINVAL', syscall: 'bind', address: '0.0.0.0' });
    sender.send('x', 9, LOCALHOST);
    expect(await once(sender, 'error')).toMatchObject([{ code: 'EINVAL' }]);
    const binder = joined();
    binder.bind(0, LOCALHOST, never);
    binder.on('error', () => {});
    expect(await once(binder, 'error')).toMatchObject([{ code: 'EINVAL', syscall: 'bind', address: LOCALHOST }]);
    expect(binder.address().address).toBe('0.0.0.0');
    expect(binder.setTTL(3)).toBe(3);
  });

  it('a group joined while a bind is under way takes its place', async () => {
    const socket = bench.socket();
    socket.bind(0, LOCALHOST);
    socket.addMembership(GROUP, LOCALHOST);
    expect(socket.address().address).toBe('0.0.0.0');
    expect(await once(socket, 'error')).toMatchObject([{ code: 'EINVAL', syscall: 'bind', address: LOCALHOST }]);
  });

  it('a connect whose bind failed is under way for ever', async () => {
    const socket = joined();
    socket.connect(9, LOCALHOST, never);
    expect(await once(socket, 'error')).toMatchObject([{ code: 'EINVAL', syscall: 'bind' }]);
    expect(socket.listenerCount('connect')).toBe(0);
    expect(thrown(() => socket.connect(9, LOCALHOST)).code).toBe('ERR_SOCKET_DGRAM_IS_CONNECTED');
    expect(thrown(() => socket.disconnect()).code).toBe('ERR_SOCKET_DGRAM_NOT_CONNECTED');
  });

  it('a close that waited is dropped, too', async () => {
    const socket = joined();
    let closed = 0;
    socket.send('x', 9, LOCALHOST);
    socket.close(() => closed++);
    await once(socket, 'error');
    await turn();
    expect(closed).toBe(0);
    expect(socket.address().port).toBeGreaterThan(0);
    socket.close();
    await once(socket, 'close');
    expect(closed).toBe(1);
  });

  it('an error of an implicit bind that nobody listens to is uncaught', async () => {
    const socket = joined();
    expect(await uncaught(() => socket.send('x', 9, LOCALHOST, never))).toMatchObject({ code: 'EINVAL' });
  });

  it.runIf(HIDES_ERRORS)('the callback of a bind hides an error that nobody listens to', async () => {
    const { port } = (await bench.bound()).address();
    const socket = bench.socket();
    socket.bind(port, LOCALHOST, never);
    expect(socket.listenerCount('error')).toBe(1);
    await turn();
    expect(socket.listenerCount('error')).toBe(0);
    await called((done) => socket.bind(0, LOCALHOST, wrong(done)));
  });

  it.skipIf(HIDES_ERRORS)('the callback of a bind hides no error', async () => {
    const { port } = (await bench.bound()).address();
    const socket = bench.socket();
    expect(await uncaught(() => socket.bind(port, LOCALHOST, never))).toMatchObject({ code: 'EADDRINUSE' });
    expect(socket.listenerCount('error')).toBe(0);
  });

  it('buffer sizes that cannot be are thrown when the socket is bound, which it is', async () => {
    const socket = bench.socket({ type: 'udp4', recvBufferSize: 2 ** 31 });
    const error = await uncaught(() => socket.bind(0, LOCALHOST, never));
    expect(error).toMatchObject({ code: 'ERR_SOCKET_BUFFER_SIZE', info: { code: 'EINVAL' } });
    const other = await bench.bound();
    const heard = textOf(socket);
    other.send('x', socket.address().port, LOCALHOST);
    expect(await heard).toBe('x');
  });
});
