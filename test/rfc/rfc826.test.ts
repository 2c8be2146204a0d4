import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cable } from '../../src/index.ts';
import { Address } from '../../src/wire/address.ts';
import { ArpOperation, formatArp } from '../../src/wire/arp.ts';
import { EtherType, parseEthernet } from '../../src/wire/ethernet.ts';
import { BROADCAST_MAC, MacAddress, NO_MAC } from '../../src/wire/mac.ts';
import { ALICE, ALICE_MAC, arpMessage, EVE, EVE_MAC, LoneStation } from '../support/ethernet-world.ts';

const mac = (text: string): MacAddress => MacAddress.parse(text);
const address = (text: string): Address => Address.parse(text);
const OTHER = '10.0.0.77';
const OTHER_MAC = '02:00:00:00:00:77';
const ANSWER = `arp ${ALICE} is at ${ALICE_MAC} > ${EVE_MAC}`;

let lone: LoneStation;
beforeEach(() => {
  lone = new LoneStation();
  lone.settle();
});
afterEach(() => lone.end());

/** What becomes of one message: the answer, the reasons counted, the neighbours known afterwards. */
function fate(inject: () => void): { answers: string[]; drops: Record<string, number>; neighbours: string[] } {
  inject();
  lone.clock.advance(0);
  return { answers: lone.link.lines(), drops: lone.drops(), neighbours: lone.neighbours() };
}

/** Sends a packet to a neighbour. */
function sendTo(destination: string): void {
  lone.stack.udp.bind({}, { onMessage: () => {} }).send(new Uint8Array(1), 9, destination);
  lone.clock.advance(0);
}

describe('RFC 826, Packet Generation', () => {
  it('[S-051] a question goes to all, with this station as the sender and the target’s hardware address open', () => {
    sendTo(EVE);
    const [bytes] = lone.link.take();
    const frame = parseEthernet(bytes!);
    if (typeof frame === 'string') throw new Error(frame);
    expect(frame).toMatchObject({ destination: BROADCAST_MAC, source: mac(ALICE_MAC), type: EtherType.ARP, tags: [] });
    const question = {
      operation: ArpOperation.REQUEST,
      senderMac: mac(ALICE_MAC),
      senderAddress: address(ALICE),
      targetMac: NO_MAC,
      targetAddress: address(EVE),
    };
    expect(frame.payload).toEqual(formatArp(question));
  });

  it('names the source of the packet that waits, or the address that suits the target', () => {
    lone.iface.network.addAddress('192.168.5.1/24');
    lone.clock.advance(5e6);
    lone.link.take();
    sendTo('192.168.5.9');
    expect(lone.link.lines()).toEqual(['arp who has 192.168.5.9 tell 192.168.5.1 > all']);
    const socket = lone.stack.udp.bind({ address: '192.168.5.1' }, { onMessage: () => {} });
    socket.send(new Uint8Array(1), 9, EVE);
    lone.clock.advance(0);
    expect(lone.link.lines()).toEqual([`arp who has ${EVE} tell 192.168.5.1 > all`]);
  });
});

describe('RFC 826, Packet Reception', () => {
  it('[S-051] a question for this host is answered to the asker alone, who is remembered', () => {
    expect(fate(() => lone.link.injectArp({}))).toEqual({
      answers: [ANSWER],
      drops: {},
      neighbours: [`${EVE} ${EVE_MAC} STALE`],
    });
  });

  it('is answered with padding, by unicast, and of hardware type 6, too', () => {
    const padded = new Uint8Array(46);
    padded.set(formatArp(arpMessage()));
    padded[1] = 6;
    const frame = { type: EtherType.ARP, payload: padded };
    expect(fate(() => lone.link.injectFrame(frame)).answers).toEqual([ANSWER]);
  });

  it('a question for another host is not answered, and its sender not remembered', () => {
    expect(fate(() => lone.link.injectArp({ targetAddress: address(OTHER) }))).toEqual({
      answers: [],
      drops: {},
      neighbours: [],
    });
  });

  it('addresses of other interfaces are answered for, but never those of the loopback (arp_ignore 0)', () => {
    lone.stack.attach(cable()[0], { addresses: ['10.9.0.1/24'] });
    const other = fate(() => lone.link.injectArp({ targetAddress: address('10.9.0.1') }));
    expect(other.answers).toEqual([`arp 10.9.0.1 is at ${ALICE_MAC} > ${EVE_MAC}`]);
    const loopback = fate(() => lone.link.injectArp({ targetAddress: address('127.0.0.1') }));
    expect(loopback).toMatchObject({ answers: [], drops: { 'arp-bad-target': 1 } });
  });

  it('RFC 3927 §2.5: a link-local address is answered for to all', async () => {
    const local = new LoneStation({ addresses: ['169.254.1.2/16'] });
    local.settle();
    local.link.injectArp({ senderAddress: address('169.254.9.9'), targetAddress: address('169.254.1.2') });
    local.clock.advance(0);
    expect(local.link.lines()).toEqual([`arp 169.254.1.2 is at ${ALICE_MAC} > all`]);
    await local.end();
  });

  it.each([
    ['a group’s hardware address', { senderMac: mac('01:00:5e:00:00:01') }, 'arp-bad-sender'],
    ['all stations’ hardware address', { senderMac: BROADCAST_MAC }, 'arp-bad-sender'],
    ['no hardware address', { senderMac: NO_MAC }, 'arp-bad-sender'],
    ['a broadcast address', { senderAddress: address('255.255.255.255') }, 'arp-bad-sender'],
    ['the network’s broadcast address', { senderAddress: address('10.0.0.255') }, 'arp-bad-sender'],
    ['a group', { senderAddress: address('224.0.0.1') }, 'arp-bad-sender'],
    ['a loopback address', { senderAddress: address('127.0.0.1') }, 'arp-bad-sender'],
    ['an address of this network without a number', { senderAddress: address('0.0.0.9') }, 'arp-bad-sender'],
    ['this station itself', { senderMac: mac(ALICE_MAC) }, 'arp-own-frame'],
    ['a question for a group', { targetAddress: address('224.0.0.1') }, 'arp-bad-target'],
  ])('%s as the sender says nothing and gets no answer', (_, changes, drop) => {
    for (const operation of [ArpOperation.REQUEST, ArpOperation.REPLY]) {
      expect(fate(() => lone.link.injectArp({ ...changes, operation }))).toMatchObject({ answers: [], neighbours: [] });
    }
    expect(lone.drops()).toEqual({ [drop]: 2 });
  });

  it('what is no message of ARP for IPv4 is counted', () => {
    const message = formatArp(arpMessage());
    const changed = (at: number, value: number): Uint8Array => message.map((byte, i) => (i === at ? value : byte));
    const payloads = [message.subarray(0, 27), changed(1, 7), changed(2, 9), changed(4, 5), changed(7, 9)];
    for (const payload of payloads) lone.link.injectFrame({ type: EtherType.ARP, payload });
    lone.clock.advance(0);
    expect(lone.link.lines()).toEqual([]);
    expect(lone.drops()).toEqual({
      'arp-truncated': 1,
      'arp-bad-hardware-type': 1,
      'arp-bad-protocol-type': 1,
      'arp-bad-address-length': 1,
      'arp-bad-operation': 1,
    });
  });

  it('an answer that nobody asked for creates no neighbour (arp_accept 0), but corrects one', () => {
    const reply = { operation: ArpOperation.REPLY, targetMac: mac(ALICE_MAC) };
    const toAlice = { destination: mac(ALICE_MAC) };
    expect(fate(() => lone.link.injectArp(reply, toAlice)).neighbours).toEqual([]);
    lone.link.injectArp({});
    lone.clock.advance(2e6);
    // It confirms nothing: nobody has asked.
    const moved = { ...reply, senderMac: mac(OTHER_MAC) };
    expect(fate(() => lone.link.injectArp(moved, toAlice)).neighbours).toEqual([`${EVE} ${OTHER_MAC} STALE`]);
  });

  it('the answer to a question confirms the neighbour; of two answers the first counts (locktime)', () => {
    sendTo(EVE);
    const reply = { operation: ArpOperation.REPLY, targetMac: mac(ALICE_MAC) };
    const toAlice = { destination: mac(ALICE_MAC) };
    expect(fate(() => lone.link.injectArp(reply, toAlice)).neighbours).toEqual([`${EVE} ${EVE_MAC} REACHABLE`]);
    lone.clock.advance(0.9e6);
    const second = { ...reply, senderMac: mac(OTHER_MAC) };
    const [known] = fate(() => lone.link.injectArp(second, toAlice)).neighbours;
    expect(known).toContain(EVE_MAC);
    lone.clock.advance(1.1e6);
    expect(fate(() => lone.link.injectArp(second, toAlice)).neighbours).toEqual([`${EVE} ${OTHER_MAC} STALE`]);
  });

  it('a gratuitous message corrects a neighbour at once, and creates none', () => {
    for (const operation of [ArpOperation.REQUEST, ArpOperation.REPLY]) {
      const told = { operation, senderAddress: address(OTHER), targetAddress: address(OTHER) };
      expect(fate(() => lone.link.injectArp(told)).neighbours).toEqual([]);
    }
    lone.link.injectArp({});
    const moved = { senderMac: mac(OTHER_MAC), targetAddress: address(EVE) };
    expect(fate(() => lone.link.injectArp(moved)).neighbours).toEqual([`${EVE} ${OTHER_MAC} STALE`]);
  });

  it('an announcement of the one that is asked for ends the waiting', () => {
    sendTo(EVE);
    lone.link.take();
    const { answers, neighbours } = fate(() => lone.link.injectArp({ targetAddress: address(EVE) }));
    expect(answers).toEqual([`${ALICE_MAC} > ${EVE_MAC} 0x0800`]);
    expect(neighbours).toEqual([`${EVE} ${EVE_MAC} DELAY`]);
  });
});
