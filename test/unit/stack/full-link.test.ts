import { expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import { RawLink } from '../../support/raw-link.ts';

it('a link that was full, went down and came up again is offered what is sent then', async () => {
  const clock = new VirtualClock();
  const stack = new Stack({ clock, random: seededRandom(1) });
  const link = new RawLink();
  stack.attach(link, { addresses: ['10.0.0.1/24'] });
  const socket = stack.udp.bind({}, { onMessage: () => {} });
  const send = (): void => {
    socket.send(new Uint8Array(1), 9, '10.0.0.2');
    clock.advance(0);
  };
  link.room = 1;
  send();
  send();
  expect(link.take()).toHaveLength(1);
  // It never says that there is room again.
  link.room = Infinity;
  link.setUp(false);
  link.setUp(true);
  send();
  expect(link.take().length).toBeGreaterThan(0);
  const ended = stack.destroy();
  clock.advance(0);
  await ended;
});
