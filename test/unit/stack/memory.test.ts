import { describe, expect, it } from 'vitest';
import type { Connection } from '../../../src/index.ts';
import { Stack, cable } from '../../../src/index.ts';
import { VirtualClock, seededRandom } from '../../../src/sim/index.ts';

const SECOND = 1_000_000;

/** Two stacks on a cable; `alice` has little queue memory. */
function poor(memory: number) {
  const clock = new VirtualClock();
  const [left, right] = cable();
  const alice = new Stack({ clock, random: seededRandom(1), memory });
  const bob = new Stack({ clock, random: seededRandom(2) });
  alice.attach(left, { addresses: ['10.0.0.1/24'] });
  bob.attach(right, { addresses: ['10.0.0.2/24'] });
  /** Sends `total` bytes to a port of bob's as room comes; counts what was taken. */
  const sender = (remotePort: number, total: number) => {
    const state = { written: 0, closed: false };
    const more = (): void => {
      state.written += connection.write(new Uint8Array(total - state.written));
      if (state.written === total) connection.shutdown();
    };
    const connection = alice.tcp.connect(
      { remoteAddress: '10.0.0.2', remotePort },
      { onConnect: more, onWritable: more, onClose: () => void (state.closed = true) },
    );
    return { connection, state };
  };
  let received = 0;
  bob.tcp.listen({ port: 7 }, (c) => {
    c.handler = {
      onReadable: () => {
        for (let bytes = c.read(); bytes !== undefined; bytes = c.read()) received += bytes.length;
      },
      onEnd: () => c.shutdown(),
    };
  });
  bob.tcp.listen({ port: 9, receiveBuffer: 4096 }, () => {});
  return { clock, alice, bob, sender, received: () => received };
}

describe('a stack with little memory', () => {
  it('less than a send buffer takes, still sends everything', () => {
    const { clock, alice, sender, received } = poor(100_000);
    const { state } = sender(7, 1_000_000);
    clock.advance(10 * SECOND);
    expect(received()).toBe(1_000_000);
    expect(state.closed).toBe(true);
    clock.advance(61 * SECOND);
    alice.assertQuiescent();
  });

  it('that one connection has used up, leaves enough for the others to get on', () => {
    const { clock, alice, sender, received } = poor(100_000);
    const hog = sender(9, 1_000_000);
    clock.advance(SECOND);
    expect(alice.statistics().memory.used).toBeGreaterThanOrEqual(100_000);
    const { state } = sender(7, 500_000);
    clock.advance(60 * SECOND);
    expect(state).toEqual({ written: 500_000, closed: true });
    expect(received()).toBe(500_000);
    hog.connection.abort();
    clock.advance(61 * SECOND);
    alice.assertQuiescent();
  });

  it('on both sides, full of what each wants to send, comes to no deadlock', () => {
    const clock = new VirtualClock();
    const [left, right] = cable();
    const stacks = [left, right].map((end, i) => {
      const stack = new Stack({ clock, random: seededRandom(i), memory: 50_000 });
      stack.attach(end, { addresses: [`10.0.0.${i + 1}/24`] });
      return stack;
    });
    const [alice, bob] = stacks as [Stack, Stack];
    const received = [0, 0];
    const talk = (connection: Connection, side: 0 | 1): void => {
      let rest = 500_000;
      const more = (): void => {
        rest -= connection.write(new Uint8Array(rest));
        if (rest === 0) connection.shutdown();
      };
      connection.handler = {
        onConnect: more,
        onWritable: more,
        onReadable: () => {
          for (let bytes = connection.read(); bytes !== undefined; bytes = connection.read()) {
            received[side] = received[side]! + bytes.length;
          }
        },
      };
      if (connection.state === 'ESTABLISHED') more();
    };
    const listener = bob.tcp.listen({ port: 7 }, (c) => talk(c, 1));
    for (let i = 0; i < 4; i++) talk(alice.tcp.connect({ remoteAddress: '10.0.0.2', remotePort: 7 }, {}), 0);
    clock.advance(300 * SECOND);
    expect(received).toEqual([2_000_000, 2_000_000]);
    listener.close();
    clock.advance(61 * SECOND);
    for (const stack of stacks) stack.assertQuiescent();
  });
});
