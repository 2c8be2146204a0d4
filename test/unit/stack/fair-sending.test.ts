import { expect, it } from 'vitest';
import { cable } from '../../../src/link/cable.ts';
import { Stack } from '../../../src/stack/stack.ts';
import type { StackOptions } from '../../../src/stack/stack.ts';
import type { Connection } from '../../../src/tcp/connection.ts';
import { VirtualClock } from '../../../src/time/virtual-clock.ts';

/** Jain's index of what each of so many greedy senders brings over while all together bring so many bytes, the second time. */
async function jain(connections: number, total: number, options: StackOptions = {}): Promise<number> {
  const clock = new VirtualClock();
  const [a, b] = cable({ mtu: 1500 });
  const sender = new Stack({ clock, ...options });
  const receiver = new Stack({ clock });
  sender.attach(a, { addresses: ['10.0.0.1/24'] });
  receiver.attach(b, { addresses: ['10.0.0.2/24'] });
  const shares: { bytes: number }[] = [];
  let result: number | undefined;
  let sum = 0;
  let settled = false;
  receiver.tcp.listen({ port: 9 }, (connection) => {
    const share = { bytes: 0 };
    shares.push(share);
    connection.handler = {
      onReadable: () => {
        for (let bytes = connection.read(); bytes !== undefined; bytes = connection.read()) {
          share.bytes += bytes.length;
          sum += bytes.length;
        }
        if (sum < total) return;
        sum = 0;
        // Windows have opened, and each has come to what it gets.
        if (settled)
          result ??= total ** 2 / (connections * shares.reduce((squares, one) => squares + one.bytes ** 2, 0));
        settled = true;
        for (const one of shares) one.bytes = 0;
      },
    };
  });
  const chunk = new Uint8Array(65_536);
  const push = (connection: Connection): void => {
    while (result === undefined && connection.write(chunk) === chunk.length);
  };
  const senders = Array.from({ length: connections }, () =>
    sender.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 9 }, { onWritable: push }),
  );
  clock.advance(1000);
  for (const connection of senders) push(connection);
  while (result === undefined) clock.advance(1000);
  clock.advance(1000);
  await Promise.all([sender.destroy(), receiver.destroy()]);
  return result;
}

it('connections that send as much as they can get the same from an interface that is full', async () => {
  expect(await jain(2, 40e6)).toBeGreaterThan(0.95);
  expect(await jain(20, 60e6)).toBeGreaterThan(0.95);
});

it('when their memory is short, they share that, too', async () => {
  expect(await jain(50, 60e6, { memory: 4e6 })).toBeGreaterThan(0.95);
});
