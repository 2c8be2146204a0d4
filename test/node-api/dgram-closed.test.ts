import { getEventListeners, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, called, textOf, thrown, turn, wrong } from './dgram-bench.ts';
import { MODULES } from './modules.ts';

const NOT_RUNNING = { kind: 'Error', code: 'ERR_SOCKET_DGRAM_NOT_RUNNING', message: 'Not running' };

describe.each(MODULES)('$name: a closed socket', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  /** What Node's methods that do not look whether there is a socket fail with. */
  const bare = (property: string): unknown => ({
    kind: 'TypeError',
    code: undefined,
    message: `Cannot read properties of null (reading '${property}')`,
  });

  it('says so, or fails with a bare TypeError', async () => {
    const socket = await bench.bound();
    socket.close();
    const checked = [
      () => socket.bind(),
      () => socket.send('x', 9, LOCALHOST),
      () => socket.address(),
      () => socket.remoteAddress(),
      () => socket.close(),
      () => socket.setMulticastInterface(LOCALHOST),
      () => socket.addMembership('224.0.0.114'),
      () => socket.dropMembership('224.0.0.114'),
      () => socket.addSourceSpecificMembership(LOCALHOST, '232.1.1.1'),
      () => socket.dropSourceSpecificMembership(LOCALHOST, '232.1.1.1'),
    ];
    for (const use of checked) expect(thrown(use)).toEqual(NOT_RUNNING);
    const unchecked: [reading: string, use: () => unknown][] = [
      ['setTTL', () => socket.setTTL(1)],
      ['setMulticastTTL', () => socket.setMulticastTTL(1)],
      ['setBroadcast', () => socket.setBroadcast(true)],
      ['setMulticastLoopback', () => socket.setMulticastLoopback(true)],
      ['bufferSize', () => socket.getRecvBufferSize()],
      ['bufferSize', () => socket.getSendBufferSize()],
      ['bufferSize', () => socket.setRecvBufferSize(9999)],
      ['bufferSize', () => socket.setSendBufferSize(9999)],
      ['getSendQueueSize', () => socket.getSendQueueSize()],
      ['getSendQueueCount', () => socket.getSendQueueCount()],
      ['lookup', () => socket.connect(9, LOCALHOST)],
    ];
    for (const [property, use] of unchecked) expect(thrown(use)).toEqual(bare(property));
    expect(thrown(() => socket.connect(9, LOCALHOST)).code).toBe('ERR_SOCKET_DGRAM_IS_CONNECTED');
    expect(thrown(() => socket.setTTL(wrong('1'))).code).toBe('ERR_INVALID_ARG_TYPE');
    expect(thrown(() => socket.setRecvBufferSize(-1)).code).toBe('ERR_SOCKET_BAD_BUFFER_SIZE');
    expect(socket.ref()).toBe(socket);
    expect(socket.unref()).toBe(socket);
    await once(socket, 'close');
  });

  it('that was connected, and one that was never bound', async () => {
    const peer = await bench.bound();
    const connected = await bench.connected(peer);
    connected.close();
    expect(thrown(() => connected.send('x'))).toEqual(NOT_RUNNING);
    expect(thrown(() => connected.remoteAddress())).toEqual(NOT_RUNNING);
    expect(thrown(() => connected.disconnect())).toEqual(bare('disconnect'));
    const unbound = bench.socket();
    unbound.close();
    expect(thrown(() => unbound.connect(9))).toEqual(NOT_RUNNING);
    expect(thrown(() => unbound.disconnect()).code).toBe('ERR_SOCKET_DGRAM_NOT_CONNECTED');
    await once(unbound, 'close');
  });

  it('still calls whoever closes it again, at the close event', async () => {
    const socket = await bench.bound();
    const events: string[] = [];
    socket.close(() => events.push('first'));
    expect(thrown(() => socket.close(() => events.push('second')))).toEqual(NOT_RUNNING);
    await once(socket, 'close');
    expect(events).toEqual(['first', 'second']);
  });

  it('sends no more what waited for its address, and tells nobody', async () => {
    const server = await bench.bound();
    const { port } = server.address();
    server.on('message', (message) => expect(message.toString()).toBe('mark'));
    const socket = await bench.bound();
    socket.send('lost', port, LOCALHOST, () => expect.unreachable());
    socket.close();
    const other = await bench.bound();
    await called((done) => other.send('mark', port, LOCALHOST, done));
    await turn();
  });

  it('has sent what went to its peer', async () => {
    const server = await bench.bound();
    const socket = await bench.connected(server);
    const heard = textOf(server);
    const sent = called((done) => socket.send('kept', done));
    socket.close();
    expect(await heard).toBe('kept');
    expect(await sent).toEqual([null, 4]);
  });

  it('connects no more what waited for its address', async () => {
    const socket = await bench.bound();
    socket.connect(9, LOCALHOST, () => expect.unreachable());
    socket.close();
    await once(socket, 'close');
    await turn();
    expect(socket.listenerCount('connect')).toBe(1);
  });

  it('hears no more', async () => {
    const server = await bench.bound();
    const client = await bench.bound();
    server.on('message', () => expect.unreachable());
    await called((done) => client.send('x', server.address().port, LOCALHOST, done));
    server.close();
    await once(server, 'close');
    await turn();
  });

  it('leaves its signal alone', async () => {
    const { signal } = new AbortController();
    const socket = await bench.bound({ type: 'udp4', signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await called((done) => socket.close(done));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
