import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cable, Stack } from '../../../src/index.ts';
import { seededRandom, VirtualClock } from '../../../src/sim/index.ts';
import { RawLink } from '../../support/raw-link.ts';
import { ALICE, ALICE_MAC, EthernetPair, EVE, EVE_MAC, LoneStation } from '../../support/ethernet-world.ts';

let lone: LoneStation;
beforeEach(() => {
  lone = new LoneStation();
  lone.settle();
});
afterEach(() => lone.end());

function send(destination: string): void {
  lone.stack.udp.bind({ address: '::' }, { onMessage: () => {} }).send(new Uint8Array(1), 9, destination);
  lone.clock.advance(0);
}

describe('iface.neighbours', () => {
  it('set: packets go there without a question, over IPv6, too', () => {
    const { neighbours, network } = lone.iface;
    network.addAddress('fd00::1/64');
    neighbours.set(EVE, EVE_MAC);
    neighbours.set('fd00::66', new Uint8Array([2, 0, 0, 0, 0, 0x66]));
    expect(neighbours.list()).toEqual([
      { address: EVE, mac: EVE_MAC, state: 'PERMANENT', router: false },
      { address: 'fd00::66', mac: EVE_MAC, state: 'PERMANENT', router: false },
    ]);
    send(EVE);
    send('fd00::66');
    const frames = lone.link.lines().filter((line) => line.includes(`> ${EVE_MAC}`));
    expect(frames).toEqual([`${ALICE_MAC} > ${EVE_MAC} 0x0800`, `${ALICE_MAC} > ${EVE_MAC} 0x86dd`]);
  });

  it('set: not for an address that is still asked for; a zone is the interface', async () => {
    const asking = new LoneStation({ conflictDetection: true });
    const code = 'ERR_INVALID_ARG_VALUE';
    expect(() => asking.iface.neighbours.set(ALICE, EVE_MAC)).toThrow(expect.objectContaining({ code }));
    asking.iface.neighbours.set('fe80::66%eth0', EVE_MAC);
    expect(asking.iface.neighbours.get('fe80::66')?.mac).toBe(EVE_MAC);
    await asking.end();
  });

  it('get and delete: what is not known is undefined, and asked for', () => {
    const { neighbours } = lone.iface;
    expect(neighbours.get(EVE)).toBeUndefined();
    expect(neighbours.delete(EVE)).toBe(false);
    neighbours.set(EVE, EVE_MAC);
    expect(neighbours.get(EVE)?.mac).toBe(EVE_MAC);
    expect(neighbours.delete(EVE)).toBe(true);
    send(EVE);
    expect(lone.link.lines()).toEqual([`arp who has ${EVE} tell ${ALICE} > all`]);
    expect(neighbours.get(EVE)).toEqual({ address: EVE, mac: undefined, state: 'INCOMPLETE', router: false });
  });

  it.each([
    ['224.0.0.1', EVE_MAC, 'ERR_INVALID_ARG_VALUE'],
    ['255.255.255.255', EVE_MAC, 'ERR_INVALID_ARG_VALUE'],
    ['0.0.0.0', EVE_MAC, 'ERR_INVALID_ARG_VALUE'],
    ['ff02::1', EVE_MAC, 'ERR_INVALID_ARG_VALUE'],
    ['10.0.0', EVE_MAC, 'ERR_INVALID_ARG_VALUE'],
    [EVE, '02:00:00:00:00', 'ERR_INVALID_ARG_VALUE'],
    [EVE, '00:00:00:00:00:00', 'ERR_INVALID_ARG_VALUE'],
    [EVE, '01:00:5e:00:00:01', 'ERR_INVALID_ARG_VALUE'],
    [EVE, 'ff:ff:ff:ff:ff:ff', 'ERR_INVALID_ARG_VALUE'],
    [EVE, ALICE_MAC, 'ERR_INVALID_ARG_VALUE'],
    [ALICE, EVE_MAC, 'ERR_INVALID_ARG_VALUE'],
    ['10.0.0.255', EVE_MAC, 'ERR_INVALID_ARG_VALUE'],
    ['127.0.0.1', EVE_MAC, 'ERR_INVALID_ARG_VALUE'],
    ['::1', EVE_MAC, 'ERR_INVALID_ARG_VALUE'],
    ['::ffff:10.0.0.66', EVE_MAC, 'ERR_INVALID_ARG_VALUE'],
    ['fe80::66%eth9', EVE_MAC, 'ERR_INVALID_ARG_VALUE'],
    [EVE, 5, 'ERR_INVALID_ARG_TYPE'],
    [7, EVE_MAC, 'ERR_INVALID_ARG_TYPE'],
  ])('set(%j, %j) is refused', (address, mac, code) => {
    const set = (): void => lone.iface.neighbours.set(address as never, mac as never);
    expect(set).toThrow(expect.objectContaining({ code }));
    expect(lone.iface.neighbours.list()).toEqual([]);
  });

  it('of a link that carries IP packets are none', () => {
    const stack = new Stack({ clock: new VirtualClock(), random: seededRandom(1) });
    const iface = stack.attach(cable()[0], { addresses: ['10.0.0.1/24'] });
    expect([iface.neighbours.list(), iface.neighbours.get(EVE), iface.neighbours.delete(EVE)]).toEqual([
      [],
      undefined,
      false,
    ]);
    expect(() => iface.neighbours.set(EVE, EVE_MAC)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
    expect(iface.mac).toBeUndefined();
  });
});

describe('the hardware address', () => {
  it('is made up for a card that has none: of one station, not of a vendor, and the stack’s own', () => {
    const macs = new Set<string>();
    for (let seed = 1; seed <= 50; seed++) {
      const stack = new Stack({ clock: new VirtualClock(), random: seededRandom(seed) });
      const { mac } = stack.attach(Object.assign(new RawLink(), { medium: 'ethernet' }));
      expect(parseInt(mac!.slice(0, 2), 16) & 3).toBe(2);
      macs.add(mac!);
    }
    expect(macs.size).toBe(50);
  });

  it('follows the link’s when that changes, unless it is none', () => {
    Object.assign(lone.link, { address: new Uint8Array([2, 0, 0, 0, 0, 9]) });
    lone.link.host!.changed();
    expect(lone.iface.mac).toBe('02:00:00:00:00:09');
    for (const address of [new Uint8Array(3), new Uint8Array(6), undefined]) {
      Object.assign(lone.link, { address });
      lone.link.host!.changed();
      expect(lone.iface.mac).toBe('02:00:00:00:00:09');
    }
  });

  it('of both ends of a cable can be chosen', async () => {
    const pair = new EthernetPair({ addresses: ['02:00:00:00:01:01', '02:00:00:00:01:02'] });
    expect([pair.a.mac, pair.b.mac]).toEqual(['02:00:00:00:01:01', '02:00:00:00:01:02']);
    await pair.end();
  });
});

describe('packets that wait', () => {
  it('are held like what else the stack holds, and let go with their interface', async () => {
    for (let n = 0; n < 10; n++) send(EVE);
    expect(lone.stack.statistics().memory.used).toBeGreaterThan(10 * 256);
    await lone.iface.detach();
    for (const socket of lone.stack.udp.sockets) socket.close();
    expect(lone.stack.statistics().memory.used).toBe(0);
    lone.stack.assertQuiescent();
  });

  it('are dropped and counted when the queue is full as the answer comes', () => {
    lone.link.room = 0;
    for (let n = 0; n < 120; n++) send(EVE);
    const { queue } = lone.iface.network;
    while (queue.reserve(0) !== undefined) queue.commit();
    lone.link.injectArp({});
    expect(lone.drops()['neighbour-queue-dropped']).toBe(120);
  });
});
