import { once } from 'node:events';
import type nodeNet from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, closing, gone, journal, listening, portOf, seen, thrown } from './helpers.ts';
import { MODULES } from './modules.ts';
import type { Modules } from './modules.ts';

const HOST = '127.0.0.1';

describe.each(MODULES)('$name: an open socket', ({ make }) => {
  let modules: Modules;
  let net: typeof nodeNet;
  let server: nodeNet.Server;
  let port: number;
  let near: nodeNet.Socket;
  let far: nodeNet.Socket;
  beforeEach(async () => {
    modules = make();
    net = modules.net;
    server = await listening(net.createServer());
    port = portOf(server);
    near = net.connect(port, HOST).on('error', () => {});
    [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[nodeNet.Socket], unknown];
  });
  afterEach(async () => {
    await gone(near, far);
    await closed(server);
    await modules.end();
  });

  it('that connects once more fails with EISCONN', async () => {
    const entries = journal(far, 'connectionAttempt', 'connectionAttemptFailed', 'connect', 'error', 'close');
    expect(far.connect(port, HOST)).toBe(far);
    expect(far.connecting).toBe(true);
    const [error] = (await once(far, 'error')) as [Error];
    await closing(far);
    expect(seen(error)).toEqual({
      name: 'Error',
      code: 'EISCONN',
      errno: -106,
      syscall: 'connect',
      address: HOST,
      port,
      message: `connect EISCONN ${HOST}:${port} - Local (${HOST}:${port})`,
    });
    expect(entries).toEqual([`connectionAttempt ${HOST}`, 'error EISCONN', 'close true']);
  });

  it('refuses an encoding that there is not, and goes on', async () => {
    const wrong = 'utf-7' as BufferEncoding;
    const calls: [string, () => unknown][] = [
      ['write', () => near.write('x', wrong)],
      ['write with a callback', () => near.write('x', wrong, () => {})],
      ['end', () => near.end('x', wrong)],
      ['setEncoding', () => near.setEncoding(wrong)],
      ['setDefaultEncoding', () => near.setDefaultEncoding(wrong)],
    ];
    for (const [name, call] of calls) {
      const error = thrown(call);
      expect([name, error]).toEqual([
        name,
        { name: 'TypeError', code: 'ERR_UNKNOWN_ENCODING', message: 'Unknown encoding: utf-7' },
      ]);
    }
    expect([near.destroyed, near.writableEnded, near.bytesWritten]).toEqual([false, false, 0]);
    near.write('6869', 'hex');
    expect(String((await once(far, 'data'))[0])).toBe('hi');
  });
});
