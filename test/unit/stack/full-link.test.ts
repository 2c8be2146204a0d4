import { expect, it } from 'vitest';
import { Stack } from '../../../src/index.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import { Address } from '../../../src/wire/address.ts';
import { ArpOperation } from '../../../src/wire/arp.ts';
import { parseEthernet } from '../../../src/wire/ethernet.ts';
import { ALICE, EVE, EVE_MAC, LoneStation } from '../../support/ethernet-world.ts';
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

it('on Ethernet what waited does not leave with the hardware addresses of before: it is dropped, and counted', async () => {
  const lone = new LoneStation();
  lone.settle();
  let writable = 0;
  const socket = lone.stack.udp.bind({}, { onMessage: () => {}, onWritable: () => writable++ });
  const send = (byte: number): boolean => socket.send(Uint8Array.of(byte), 9, EVE);
  const answer = (): void => {
    lone.link.injectArp({
      operation: ArpOperation.REPLY,
      senderAddress: Address.parse(EVE),
      targetAddress: Address.parse(ALICE),
    });
    lone.clock.advance(0);
  };
  /** The last byte of each datagram that has left. */
  const left = (): (number | undefined)[] =>
    lone.link.take().flatMap((bytes) => {
      const frame = parseEthernet(bytes);
      return typeof frame !== 'string' && frame.type === 0x0800 ? [frame.payload.at(-1)] : [];
    });
  send(1);
  lone.clock.advance(0);
  answer();
  expect(left()).toEqual([1]);
  lone.link.room = 1;
  send(2);
  send(3);
  lone.clock.advance(0);
  expect(left()).toEqual([2]);
  let waiting = 1;
  while (send(4)) waiting++;
  lone.link.room = Infinity;
  lone.link.setUp(false);
  lone.clock.advance(0);
  expect(lone.drops()).toMatchObject({ 'ethernet-stale-dropped': waiting });
  // Who waited for room waits no longer.
  expect(writable).toBe(1);
  lone.link.setUp(true);
  lone.clock.advance(0);
  expect(left()).toEqual([]);
  send(5);
  lone.clock.advance(0);
  answer();
  expect(left()).toEqual([5]);
  await lone.end();
});

it('a link that goes down while it is sending takes nothing along', async () => {
  const lone = new LoneStation();
  lone.settle();
  lone.iface.neighbours.set(EVE, EVE_MAC);
  const socket = lone.stack.udp.bind({}, { onMessage: () => {} });
  const { link } = lone;
  const send = link.send.bind(link);
  link.send = (batch) => {
    link.room = 1;
    const count = send(batch);
    link.setUp(false);
    return count;
  };
  for (let n = 0; n < 3; n++) socket.send(Uint8Array.of(n), 9, EVE);
  lone.clock.advance(0);
  link.send = send;
  expect(lone.drops()).toMatchObject({ 'ethernet-stale-dropped': 2 });
  expect(link.take()).toHaveLength(1);
  link.room = Infinity;
  link.setUp(true);
  lone.clock.advance(0);
  expect(link.lines()).toEqual([`arp who has ${ALICE} tell ${ALICE} > all`]);
  await lone.end();
});
