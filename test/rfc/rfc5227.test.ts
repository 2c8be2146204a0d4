import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Address } from '../../src/wire/address.ts';
import { ArpOperation } from '../../src/wire/arp.ts';
import { MacAddress } from '../../src/wire/mac.ts';
import { ALICE, ALICE_MAC, EVE, EVE_MAC, LoneStation } from '../support/ethernet-world.ts';

const PROBE = `arp who has ${ALICE} tell 0.0.0.0 > all`;
const ANNOUNCEMENT = `arp who has ${ALICE} tell ${ALICE} > all`;
const address = (text: string): Address => Address.parse(text);

/** Advances by tenths of a second and notes when frames leave: `seconds line`. */
function watch(station: LoneStation, seconds: number): { at: number; line: string }[] {
  const seen: { at: number; line: string }[] = [];
  for (let tenth = 0; tenth < seconds * 10; tenth++) {
    station.clock.advance(100_000);
    for (const line of station.link.lines()) seen.push({ at: station.clock.now() / 1e6, line });
  }
  return seen;
}

/** Events of conflicts. */
function conflictsOf(station: LoneStation): string[] {
  const events: string[] = [];
  station.stack.on('address-conflict', ({ interface: { name }, address: own, mac, kept }) => {
    events.push(`${name} ${own} ${mac} ${kept ? 'kept' : 'not taken'}`);
  });
  return events;
}

describe('RFC 5227 §2.3: announcing', () => {
  it('[S-051] an address is announced twice, two seconds apart, when the link comes up and when it is added', async () => {
    const lone = new LoneStation();
    expect(lone.link.lines()).toEqual([ANNOUNCEMENT]);
    expect(watch(lone, 5)).toEqual([{ at: 2, line: ANNOUNCEMENT }]);
    lone.iface.network.addAddress('10.0.0.3/24');
    const added = 'arp who has 10.0.0.3 tell 10.0.0.3 > all';
    expect(watch(lone, 5).map(({ line }) => line)).toEqual([added, added]);
    lone.link.setUp(false);
    lone.link.setUp(true);
    expect(watch(lone, 5).map(({ line }) => line)).toEqual([ANNOUNCEMENT, added, ANNOUNCEMENT, added]);
    await lone.end();
  });

  it('and when the hardware address is another', async () => {
    const lone = new LoneStation();
    lone.settle();
    Object.assign(lone.link, { address: MacAddress.parse(EVE_MAC).bytes() });
    lone.link.host?.changed();
    lone.link.host?.changed();
    expect(watch(lone, 5).map(({ line }) => line)).toEqual([ANNOUNCEMENT, ANNOUNCEMENT]);
    await lone.end();
  });

  it('not any more when it is removed, or the link is down', async () => {
    const lone = new LoneStation();
    lone.link.take();
    lone.iface.network.addAddress('10.0.0.3/24');
    lone.iface.network.removeAddress('10.0.0.3');
    lone.link.setUp(false);
    lone.clock.advance(10e6);
    lone.link.setUp(true);
    expect(watch(lone, 5).map(({ line }) => line)).toEqual([ANNOUNCEMENT, ANNOUNCEMENT]);
    await lone.end();
  });
});

describe('RFC 5227 §2.1: probing, with conflictDetection', () => {
  let lone: LoneStation;
  let conflicts: string[];
  let state: string;
  beforeEach(() => {
    lone = new LoneStation({ conflictDetection: true, addresses: [`${ALICE}/24`] });
    conflicts = conflictsOf(lone);
    state = 'waits';
    lone.iface.ready.then(
      () => (state = 'ready'),
      (error: { code: string; address: string }) => (state = `${error.code} ${error.address}`),
    );
  });
  afterEach(() => lone.end());
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('[S-051] asks three times before the address is used, then announces it', async () => {
    expect(lone.iface.addresses).toEqual([]);
    lone.link.injectArp({});
    lone.clock.advance(0);
    expect(lone.link.lines()).toEqual([]);
    const seen = watch(lone, 12);
    expect(seen.map(({ line }) => line)).toEqual([PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT]);
    const [first, second, third, fourth, fifth] = seen.map(({ at }) => at) as [number, number, number, number, number];
    expect(first).toBeLessThanOrEqual(1.1);
    for (const gap of [second - first, third - second]) {
      expect(gap).toBeGreaterThan(0.89);
      expect(gap).toBeLessThan(2.11);
    }
    expect(fourth - third).toBeCloseTo(2, 0);
    expect(fifth - fourth).toBeCloseTo(2, 0);
    expect(lone.iface.addresses.map(String)).toEqual([`${ALICE}/24`]);
    await settle();
    expect(state).toBe('ready');
    expect(conflicts).toEqual([]);
    lone.link.injectArp({});
    lone.clock.advance(0);
    expect(lone.link.lines()).toEqual([`arp ${ALICE} is at ${ALICE_MAC} > ${EVE_MAC}`]);
  });

  it.each([
    ['answers', { operation: ArpOperation.REPLY, senderAddress: address(ALICE), targetAddress: address('0.0.0.0') }],
    ['announces it', { senderAddress: address(ALICE), targetAddress: address(ALICE) }],
    ['asks for somebody with it', { senderAddress: address(ALICE), targetAddress: address(EVE) }],
    ['probes it at the same time', { senderAddress: address('0.0.0.0'), targetAddress: address(ALICE) }],
  ])('[S-051] does not take an address when another station %s', async (_, message) => {
    lone.clock.advance(2.5e6);
    lone.link.take();
    lone.link.injectArp(message);
    lone.clock.advance(0);
    expect(lone.drops()).toEqual({ 'arp-conflict': 1 });
    expect(conflicts).toEqual([`eth0 ${ALICE} ${EVE_MAC} not taken`]);
    expect(watch(lone, 20)).toEqual([]);
    expect(lone.iface.addresses).toEqual([]);
    await settle();
    expect(state).toBe(`EADDRINUSE ${ALICE}`);
    // The interface itself goes on.
    expect(lone.stack.interfaces).toHaveLength(2);
  });

  it('is not disturbed by its own probes, or by those for others', () => {
    lone.clock.advance(2.5e6);
    lone.link.take();
    lone.link.injectArp({
      senderMac: MacAddress.parse(ALICE_MAC),
      senderAddress: address('0.0.0.0'),
      targetAddress: address(ALICE),
    });
    lone.link.injectArp({ senderAddress: address('0.0.0.0'), targetAddress: address('10.0.0.99') });
    expect(watch(lone, 12).at(-1)?.line).toBe(ANNOUNCEMENT);
    expect(conflicts).toEqual([]);
  });

  it('begins anew when the link was down', () => {
    lone.clock.advance(2.5e6);
    lone.link.setUp(false);
    lone.clock.advance(60e6);
    lone.link.take();
    expect(lone.iface.addresses).toEqual([]);
    lone.link.setUp(true);
    expect(watch(lone, 12).map(({ line }) => line)).toEqual([PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT]);
  });

  it('[S-051] is done again when the link comes back; the address stays in use meanwhile, and is announced then', () => {
    lone.clock.advance(20e6);
    lone.link.setUp(false);
    lone.clock.advance(60e6);
    lone.link.take();
    lone.link.setUp(true);
    expect(lone.iface.addresses.map(String)).toEqual([`${ALICE}/24`]);
    lone.link.injectArp({});
    lone.clock.advance(0);
    expect(lone.link.lines()).toEqual([`arp ${ALICE} is at ${ALICE_MAC} > ${EVE_MAC}`]);
    expect(watch(lone, 12).map(({ line }) => line)).toEqual([PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT]);
    expect(conflicts).toEqual([]);
  });

  it('[S-051] when it is then another station’s the address is given up; who only probes it is told', () => {
    lone.clock.advance(20e6);
    lone.link.setUp(false);
    lone.link.setUp(true);
    lone.clock.advance(2.5e6);
    lone.link.take();
    lone.link.injectArp({ senderAddress: address('0.0.0.0'), targetAddress: address(ALICE) });
    lone.clock.advance(0);
    expect(lone.link.lines()).toEqual([`arp ${ALICE} is at ${ALICE_MAC} > ${EVE_MAC}`]);
    const errors: string[] = [];
    lone.stack.udp.bind({ address: ALICE }, { onMessage: () => {}, onError: ({ code }) => errors.push(code) });
    lone.link.injectArp({ senderAddress: address(ALICE), targetAddress: address(EVE) });
    expect(watch(lone, 12)).toEqual([]);
    expect(lone.iface.addresses).toEqual([]);
    expect(conflicts).toEqual([`eth0 ${ALICE} ${EVE_MAC} not taken`]);
    expect(errors).toEqual(['EADDRNOTAVAIL']);
  });

  it('an address that is not wanted any more is not taken', async () => {
    lone.iface.network.removeAddress(ALICE);
    lone.clock.advance(20e6);
    expect(lone.link.lines()).toEqual([]);
    expect(lone.iface.addresses).toEqual([]);
    await settle();
    expect(state).toBe('ready');
  });

  it('an interface that is detached meanwhile is not ready', async () => {
    await lone.iface.detach();
    await settle();
    expect(state).toMatch(/^ECANCELED/);
  });

  it('other addresses are asked for, too, when they are added, and never twice', () => {
    lone.clock.advance(20e6);
    lone.link.take();
    lone.iface.network.addAddress('10.0.0.3/24');
    expect(() => lone.iface.network.addAddress('10.0.0.3/24')).toThrow(/has the address 10.0.0.3 already/);
    expect(lone.iface.addresses.map(String)).toEqual([`${ALICE}/24`]);
    const other = (sender: string): string => `arp who has 10.0.0.3 tell ${sender} > all`;
    const lines = [...Array.from({ length: 3 }, () => other('0.0.0.0')), other('10.0.0.3'), other('10.0.0.3')];
    expect(watch(lone, 12).map(({ line }) => line)).toEqual(lines);
    expect(lone.iface.addresses.map(String)).toEqual([`${ALICE}/24`, '10.0.0.3/24']);
  });
});

describe('RFC 5227 §2.4: defending', () => {
  let lone: LoneStation;
  let conflicts: string[];
  beforeEach(() => {
    lone = new LoneStation();
    conflicts = conflictsOf(lone);
    lone.settle();
  });
  afterEach(() => lone.end());
  const claim = (): void => {
    lone.link.injectArp({ senderAddress: address(ALICE), targetAddress: address(ALICE) });
    lone.clock.advance(0);
  };

  it('[S-051] (c): an address in use is kept, and announced once in ten seconds at most', () => {
    claim();
    expect(lone.link.lines()).toEqual([ANNOUNCEMENT]);
    for (let second = 0; second < 9; second++) {
      claim();
      lone.clock.advance(1e6);
    }
    expect(lone.link.lines()).toEqual([]);
    lone.clock.advance(1e6);
    claim();
    expect(lone.link.lines()).toEqual([ANNOUNCEMENT]);
    expect(conflicts).toEqual(Array.from({ length: 2 }, () => `eth0 ${ALICE} ${EVE_MAC} kept`));
    expect(lone.iface.addresses.map(String)).toEqual([`${ALICE}/24`]);
    expect(lone.drops()).toEqual({ 'arp-conflict': 11 });
    expect(lone.neighbours()).toEqual([]);
  });

  it('a probe is answered: whoever asks learns that it is taken', () => {
    lone.link.injectArp({ senderAddress: address('0.0.0.0') });
    lone.clock.advance(0);
    expect(lone.link.lines()).toEqual([`arp ${ALICE} is at ${ALICE_MAC} > ${EVE_MAC}`]);
    expect([conflicts, lone.neighbours()]).toEqual([[], []]);
  });
});

describe('two stations of one address', () => {
  it('the second, which asks first, does not take it', async () => {
    const lone = new LoneStation();
    lone.settle();
    const second = new LoneStation({ conflictDetection: true });
    Object.assign(second.link, { address: MacAddress.parse(EVE_MAC).bytes() });
    second.link.host?.changed();
    const conflicts = conflictsOf(second);
    for (let tenth = 0; tenth < 100; tenth++) {
      second.clock.advance(100_000);
      lone.clock.advance(100_000);
      for (const frame of second.link.take()) lone.link.inject(frame);
      lone.clock.advance(0);
      for (const frame of lone.link.take()) second.link.inject(frame);
    }
    expect(conflicts).toEqual([`eth0 ${ALICE} ${ALICE_MAC} not taken`]);
    await Promise.all([lone.end(), second.end()]);
  });
});
