import { once } from 'node:events';
import type nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, closing, gone, journal, listening, portOf, settled } from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';
import { RESET_IS_END } from '../../src/node/node-features.ts';

const HOST = '127.0.0.1';
/** What a reset is to a reader that finds bytes before it. */
const RESET_END = RESET_IS_END ? ['end', 'close false'] : ['error ECONNRESET', 'close true'];
const NEAR = ['connect', 'ready', 'data', 'end', 'error', 'close'];
const FAR = ['data', 'end', 'error', 'close'];

/** What comes first where both ends are in one process, and what a reset leaves of what was sent before it. */
describe.each(MODULES)('$name: the order of things', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  let server: nodeNet.Server;
  /** Of the server, and of both ends under their names. */
  let entries: string[];
  beforeEach(() => {
    modules = make();
    net = modules.net;
    entries = [];
  });
  afterEach(async () => {
    await closed(server);
    await modules.end();
  });

  const connect = (options: object = {}): nodeNet.Socket =>
    net.connect({ port: portOf(server), host: HOST, ...options });

  async function listen(take: (far: nodeNet.Socket) => void = () => {}, options = {}): Promise<void> {
    server = net.createServer(options, (far) => {
      entries.push('connection');
      take(far);
    });
    server.on('drop', () => entries.push('drop'));
    await listening(server);
  }

  /** The near and the far end of a connection. */
  async function pair(options = {}, clientOptions = {}): Promise<[nodeNet.Socket, nodeNet.Socket]> {
    await listen(undefined, options);
    const near = connect(clientOptions);
    const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
    return [near, far as nodeNet.Socket];
  }

  const note = (socket: nodeNet.Socket, event: string): unknown => socket.on(event, () => entries.push(event));

  it.each([HOST, 'localhost'])('the server’s connection comes before the client’s connect: %s', async (host) => {
    await listen((far) => far.resume());
    for (let i = 0; i < 10; i++) {
      const near = connect({ host, family: 4 }).resume();
      note(near, 'connect');
      await once(near, 'connect');
      await gone(near);
    }
    expect(entries).toEqual(Array.from({ length: 10 }, () => ['connection', 'connect']).flat());
  });

  it.each([
    ['ends at once', (far: nodeNet.Socket) => void far.end('hello'), 'data hello'],
    ['is destroyed at once', (far: nodeNet.Socket) => void far.destroy(), undefined],
  ])('a connection that the server %s is open to the client before', async (_name, take, said) => {
    await listen(take);
    const near = connect().resume();
    note(near, 'connect');
    const heard = journal(near, ...NEAR);
    await closing(near);
    expect(entries).toEqual(['connection', 'connect']);
    expect(heard).toEqual(['connect', 'ready', ...(said === undefined ? [] : [said]), 'end', 'close false']);
  });

  it.each([
    ['reset by its connect', (near: nodeNet.Socket) => void near.on('connect', () => near.resetAndDestroy()), true],
    ['reset while it connects', (near: nodeNet.Socket) => void near.resetAndDestroy(), true],
    ['destroyed by its connect', (near: nodeNet.Socket) => void near.on('connect', () => near.destroy()), false],
    [
      'destroyed while it connects',
      (near: nodeNet.Socket) => process.nextTick(() => process.nextTick(() => near.destroy())),
      false,
    ],
  ])('a client that is %s is a connection for the server', async (_name, end, reset) => {
    let heard: string[] = [];
    const over = new Promise<void>((resolve) => {
      void listen((far) => {
        heard = journal(far.resume(), ...FAR);
        far.once('close', () => resolve());
      }).then(() => end(connect()));
    });
    await over;
    expect(entries).toEqual(['connection']);
    expect(heard).toEqual(reset ? ['error ECONNRESET', 'close true'] : ['end', 'close false']);
  });

  it('a client that is destroyed before it begins is none', async () => {
    await listen();
    await gone(connect());
    await settled();
    expect(entries).toEqual([]);
  });

  // It is for a cluster that drops in the workers: without one, connections are dropped whatever it says.
  it.each([undefined, false, true])('a dropped client connects, and what it writes is lost: %s', async (drops) => {
    const [near, far] = await pair();
    server.maxConnections = 1;
    if (drops !== undefined) Object.assign(server, { dropMaxConnection: drops });
    entries = [];
    const dropped = connect();
    note(dropped, 'connect');
    const heard = journal(dropped.resume(), ...NEAR);
    dropped.on('connect', () => dropped.write('never read'));
    await closing(dropped);
    expect(entries).toEqual(['drop', 'connect']);
    expect(heard).toEqual(['connect', 'ready', 'end', 'close false']);
    await gone(near, far);
  });

  describe('a reset', () => {
    it.each([
      ['little', 'abc'],
      ['much', 'a'.repeat(60_000)],
    ])('comes behind what was written before it: %s', async (_name, written) => {
      const [near, far] = await pair();
      let text = '';
      const heard = journal(far, 'end', 'error', 'close');
      far.on('data', (chunk) => {
        text += String(chunk);
      });
      near.write(written);
      near.resetAndDestroy();
      await closing(far);
      expect(text === written).toBe(true);
      expect(heard).toEqual(RESET_END);
    });

    it('behind bytes that nobody had read does not take back what was written', async () => {
      const [near, far] = await pair({ pauseOnConnect: true });
      near.write('a request');
      for (let i = 0; i < 10; i++) await settled();
      const heard = journal(near, ...NEAR);
      far.write('sorry');
      // Linux resets where the program closes a socket with bytes in it.
      far.destroy();
      await closing(near);
      expect(heard).toEqual(['data sorry', ...RESET_END]);
    });

    it('is heard of by who reads on, behind the bytes', async () => {
      const [near, far] = await pair({ pauseOnConnect: true });
      const heard = journal(far, ...FAR);
      near.write('abc');
      near.resetAndDestroy();
      for (let i = 0; i < 20; i++) await settled();
      expect([heard, far.bytesRead]).toEqual([[], 0]);
      far.resume();
      await closing(far);
      expect(heard).toEqual(['data abc', ...RESET_END]);
    });

    it('is heard of by who reads on where there are no bytes', async () => {
      const [near, far] = await pair({ pauseOnConnect: true });
      const heard = journal(far, ...FAR);
      near.resetAndDestroy();
      for (let i = 0; i < 20; i++) await settled();
      expect(heard).toEqual([]);
      far.resume();
      await closing(far);
      expect(heard).toEqual(['error ECONNRESET', 'close true']);
    });

    it('is heard of by who writes instead', async () => {
      const [near, far] = await pair({ pauseOnConnect: true });
      const heard = journal(far, ...FAR);
      near.write('abc');
      near.resetAndDestroy();
      for (let i = 0; i < 20; i++) await settled();
      const failed = new Promise((resolve) => {
        far.write('x', resolve);
      });
      expect(await failed).toMatchObject({ code: 'ECONNRESET', syscall: 'write', message: 'write ECONNRESET' });
      await closing(far);
      expect(heard).toEqual(['error ECONNRESET', 'close true']);
    });

    it('comes behind bytes that are read into memory of the program’s own', async () => {
      const sizes: number[] = [];
      const onread = {
        buffer: new Uint8Array(3),
        callback: (size: number) => sizes.push(size) > 0,
      };
      const [near, far] = await pair({}, { onread });
      const heard = journal(near, 'end', 'error', 'close');
      far.write('abcdefgh');
      far.resetAndDestroy();
      await closing(near);
      expect([sizes, heard]).toEqual([[3, 3, 2], RESET_END]);
    });

    it('leaves a paused socket to be destroyed', async () => {
      const [near, far] = await pair({ pauseOnConnect: true });
      near.write('abc');
      near.resetAndDestroy();
      for (let i = 0; i < 20; i++) await settled();
      const heard = journal(far, ...FAR);
      await gone(far);
      expect(heard).toEqual(['close false']);
    });
  });

  it.each([
    ['that nobody reads', () => {}],
    ['that is paused', (far: nodeNet.Socket) => void far.pause()],
  ])('a socket %s takes in its mark', async (_name, take) => {
    const [near, far] = await pair({ highWaterMark: 65_536 });
    take(far);
    near.on('error', () => {}).write(Buffer.alloc(1_000_000));
    for (let i = 0; i < 20; i++) await settled();
    expect([far.bytesRead, far.readableLength]).toEqual([65_536, 65_536]);
    await gone(far, near);
  });
});
