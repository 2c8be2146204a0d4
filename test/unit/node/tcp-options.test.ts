import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import type { Connection, ConnectionOptions } from '../../../src/index.ts';
import { createNet } from '../../../src/node/index.ts';

const OPTIONS = {
  cork: true,
  linger: 0,
  userTimeout: 5000,
  userTimeoutOption: true,
  userTimeoutLimit: 200_000,
} satisfies ConnectionOptions;

const stack = new Stack();
afterEach(() => stack.destroy());

function chosen(connection: Connection | undefined): unknown[] {
  return (Object.keys(OPTIONS) as (keyof typeof OPTIONS)[]).map((name) => connection?.get(name));
}

it('every option of a connection passes through the key `tcp`, of createNet, of a server and of a socket', async () => {
  const ofNet = createNet(stack, { tcp: OPTIONS });
  const plain = createNet(stack);
  const server = plain.createServer({ tcp: OPTIONS }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const connect of [
    () => ofNet.connect({ port, host: '127.0.0.1' }),
    () => plain.connect({ port, host: '127.0.0.1', tcp: OPTIONS }),
  ]) {
    const accepted = once(server, 'connection');
    const socket = connect();
    await once(socket, 'connect');
    const [other] = await accepted;
    for (const end of [socket, other]) expect(chosen(end.tcp)).toEqual(Object.values(OPTIONS));
    // linger 0: both ends are gone at once.
    const closed = once(other, 'close').catch(() => {});
    other.on('error', () => {});
    socket.destroy();
    await closed;
  }
  server.close();
  expect(stack.tcp.timeWaitCount).toBe(0);
});
