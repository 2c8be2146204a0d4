import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { BlockList } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DgramBench, LOCALHOST, called, textOf, thrown } from './dgram-bench.ts';
import { MODULES } from './modules.ts';

/** Node has the options since v22.13; our sockets have them on any. */
const present = MODULES.filter(({ name }) => name !== 'node' || 'isBlockList' in BlockList);

const BLOCKED = { code: 'ERR_IP_BLOCKED', name: 'Error', message: `IP(${LOCALHOST}) is blocked by net.BlockList` };

describe.each(present)('$name: block lists', ({ make }) => {
  let bench: DgramBench;
  beforeEach(() => {
    bench = new DgramBench(make());
  });
  afterEach(() => bench.end());

  function socket(options: object): Socket {
    return bench.socket({ type: 'udp4', ...options });
  }

  function listOf(address: string): BlockList {
    const list = new BlockList();
    list.addAddress(address);
    return list;
  }

  it.each(['receiveBlockList', 'sendBlockList'])('%s must be one, or nothing', (name) => {
    for (const [value, received] of [
      [5, 'type number (5)'],
      [{}, 'an instance of Object'],
      ['x', `type string ('x')`],
    ]) {
      expect(thrown(() => socket({ [name]: value }))).toEqual({
        kind: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: `The "options.${name}" property must be an net.BlockList. Received ${received as string}`,
      });
    }
    for (const value of [undefined, null, 0, new BlockList()]) socket({ [name]: value });
  });

  it('what is sent to a blocked address fails, by the callback alone', async () => {
    const blocked = socket({ sendBlockList: listOf(LOCALHOST) });
    blocked.on('error', () => expect.unreachable());
    expect(await called((done) => blocked.send('x', 9, LOCALHOST, done))).toMatchObject([BLOCKED]);
    expect(await called((done) => blocked.send('x', 9, 'localhost', done))).toMatchObject([BLOCKED]);
    blocked.send('x', 9, LOCALHOST);
    expect(await called((done) => blocked.send('x', 9, '127.0.0.2', done))).toEqual([null, 1]);
  });

  it('a connection to a blocked address fails, by the callback, else by the event', async () => {
    const blocked = socket({ sendBlockList: listOf(LOCALHOST) });
    expect(await called((done) => blocked.connect(9, LOCALHOST, done))).toMatchObject([BLOCKED]);
    blocked.connect(9, LOCALHOST);
    expect(await once(blocked, 'error')).toMatchObject([BLOCKED]);
    blocked.connect(9, '127.0.0.2');
    await once(blocked, 'connect');
  });

  it('what comes from a blocked address is not heard', async () => {
    const server = socket({ receiveBlockList: listOf('127.0.0.2') });
    server.bind(0, LOCALHOST);
    await once(server, 'listening');
    const { port } = server.address();
    const [friend, foe] = [await bench.bound(), await bench.bound('udp4', 0, '127.0.0.2')];
    const heard = textOf(server);
    await called((done) => foe.send('from the foe', port, LOCALHOST, done));
    friend.send('from the friend', port, LOCALHOST);
    expect(await heard).toBe('from the friend');
  });
});
